"""What there is to call, and what was called, in plain JSON."""

from dataclasses import dataclass

from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.wire.lists import Page
from contracts.wire.mcp import McpCall, McpTool, annotations_of
from infra.database import Database
from infra.store.tool_calls import CallFilter, ToolCallRow, call_of, calls_page
from infra.tools.catalog import Catalog, Entry


@dataclass(frozen=True)
class ToolDesk:
    """Answers for tools."""

    database: Database

    def tools(self, catalog: Catalog, caller: Caller) -> Page[McpTool]:
        """All that a caller can call now."""
        tools = [_tool(entry) for entry in catalog.listed(caller.tenant)]
        return page_of(tools, False, lambda tool: tool.name)  # noqa: FBT003  as `keyset` would give it

    async def calls(self, caller: Caller, wanted: CallFilter, ask: PageAsk) -> Page[McpCall]:
        """A part of a tenant's calls, the newest first. Raises ApiError for an unknown `after`."""
        own = CallFilter(caller.tenant, wanted.tool, wanted.status, wanted.response_id)
        async with self.database.begin() as session:
            rows, has_more = await calls_page(session, own, limit=ask.limit, after=ask.after, order=ask.order)
        return page_of([call_view(row) for row in rows], has_more, lambda call: call.id)

    async def call(self, caller: Caller, call_id: str) -> McpCall:
        """One of a tenant's calls. Raises ApiError, 404."""
        async with self.database.begin() as session:
            row = await call_of(session, caller.tenant, call_id)
        if row is None:
            raise ApiError(ErrorCode.NOT_FOUND, "There is no such call, or it is kept no more")
        return call_view(row)


def call_view(row: ToolCallRow) -> McpCall:
    """A call as it is shown."""
    fields = row.model_dump(exclude={"job_id", "tenant", "user_id"})
    return McpCall(id=row.job_id, **fields)


def _tool(entry: Entry) -> McpTool:
    spec = entry.spec
    return McpTool(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        server=entry.server or None,
        inputSchema=spec.input_schema,
        outputSchema=spec.output_schema,
        annotations=annotations_of(spec),
    )
