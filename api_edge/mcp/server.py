"""Our MCP server, as the SDK runs it: what it lists, and what a call of a tool does."""

from importlib.metadata import version
from typing import Any

from mcp import types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from api_edge.errors import shown
from api_edge.mcp.calls import ToolCalls, closed_when_gone
from api_edge.mcp.messages import INVALID_PARAMS
from api_edge.mcp.passage import Passage
from contracts.errors import ApiError, ErrorCode
from contracts.tools.spec import ToolProgress, ToolResult, ToolSpec
from infra.tools.catalog import Entry
from infra.tools.reading import KnownTools

NAME = "jan-server"
TITLE = "Jan Server"
INSTRUCTIONS = "Tools for searching the web, reading pages, searching your own texts, and running Python."
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800
LIST_FRESH_MS = 30_000
"""For so long a client may keep the list of tools."""

Context = ServerRequestContext[Any, Any]  # the SDK's own, whose request is typed by nobody


def mcp_server(known: KnownTools, calls: ToolCalls) -> Server[Any]:
    """The server. Each request carries its Passage in its scope."""

    async def list_tools(
        context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        tenant = passage_of(context).asked.caller.tenant
        return types.ListToolsResult(tools=[tool_of(entry.spec) for entry in known.current.listed(tenant)])

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        passage = passage_of(context)
        try:
            entry = await known.find(params.name, passage.asked.caller.tenant)
            if entry is None:
                raise MCPError(INVALID_PARAMS, f"Unknown tool: {shown(params.name)}")
            if entry.off_reason is not None:
                return _failed(f"The tool {entry.spec.name} is off: {entry.off_reason}")
            return await _called(calls, context, passage, entry, params.arguments or {})
        except ApiError as error:
            if passage.job_id is None:
                passage.refusal = error
            raise rpc_error(error) from error

    return Server(
        NAME,
        version=version("jan-server"),
        title=TITLE,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        cache_hints={"tools/list": CacheHint(ttl_ms=LIST_FRESH_MS, scope="private")},
    )


def passage_of(context: Context) -> Passage:
    """What is known of the POST that brought a request."""
    request = context.request
    assert isinstance(request, Request)  # noqa: S101  the transport's own
    passage: Passage = request.scope["state"]["passage"]
    return passage


async def _called(
    calls: ToolCalls, context: Context, passage: Passage, entry: Entry, arguments: dict[str, Any]
) -> types.CallToolResult:
    """Raises ApiError; MCPError when the client is gone."""
    async with calls.submitted(passage.asked, entry, arguments) as running:
        await calls.accepted(passage, running)
        async with closed_when_gone(running, passage.gone):
            try:
                async for told in calls.told_by(running):
                    if isinstance(told.value, ToolResult):
                        passage.sent.append(told.seq)
                        passage.is_over = True
                        return result_of(told.value)
                    if passage.token is not None:
                        passage.sent.append(told.seq)
                        await _progress(context, told.value)
            except ApiError as error:
                passage.is_over = True
                passage.is_left_open = error.detail.code == ErrorCode.SERVER_DRAINING and passage.is_resumable
                raise
        raise MCPError(REQUEST_CANCELLED, "The client is gone")


async def _progress(context: Context, told: ToolProgress) -> None:
    await context.session.report_progress(told.progress, told.total, told.message)


def tool_of(spec: ToolSpec) -> types.Tool:
    """A tool as the protocol shows it."""
    return types.Tool(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        input_schema=spec.input_schema,
        output_schema=spec.output_schema,
        annotations=types.ToolAnnotations(
            title=spec.title,
            read_only_hint=spec.is_read_only,
            destructive_hint=spec.is_destructive,
            idempotent_hint=spec.is_idempotent,
            open_world_hint=spec.is_open_world,
        ),
    )


def result_of(result: ToolResult) -> types.CallToolResult:
    """A result as the protocol shows it."""
    shape = {"content": result.content, "structuredContent": result.structured, "isError": result.is_error}
    return types.CallToolResult.model_validate(shape)


def rpc_error(error: ApiError) -> MCPError:
    """A job that failed: no result of the tool's, but an error of ours."""
    detail = error.detail
    code = REQUEST_CANCELLED if detail.code == ErrorCode.CANCELLED else INTERNAL_ERROR
    data = {"type": detail.type.value, "code": detail.code, "param": detail.param, "status": detail.status}
    return MCPError(code, detail.message, data)


def _failed(message: str) -> types.CallToolResult:
    return result_of(ToolResult.failed(message))
