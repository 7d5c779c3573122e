"""A caller's responses: shown, listed, stopped, deleted; what was put in, and which tools were called."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from api_edge.middleware.paging import PageAsk, page_of
from api_edge.responses.cancels import Cancels
from api_edge.responses.fields import invalid
from api_edge.responses.finding import found, has_ended, no_response
from contracts.responses.objects import response_object
from contracts.responses.shown import shown_item
from contracts.wire.lists import Page
from contracts.wire.responses import InputItem, ResponseShape, Status, ToolExecution, ToolExecutions
from infra.database import Database
from infra.store.response_items import input_page, items_of_response, outputs_of
from infra.store.response_steps import TOOL, ResponseStepRow, steps_of
from infra.store.responses import ResponseRow, delete_response, responses_page
from infra.store.tool_calls import CallFilter, ToolCallRow, calls_page

MOST_CALLS = 1_000
"""Records of calls that are read for one response."""

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


@dataclass(frozen=True)
class ResponseDesk:
    """Answers for responses."""

    database: Database
    cancels: Cancels

    async def find(self, tenant: str, response_id: str) -> ResponseRow:
        """One's row. Raises ApiError, 404."""
        async with self.database.begin() as session:
            return await found(session, tenant, response_id)

    async def show(self, tenant: str, response_id: str, include: Collection[str] | None = None) -> JsonObject:
        """One as it is now. Without `include`, its own request's is taken. Raises ApiError, 404."""
        async with self.database.begin() as session:
            row = await found(session, tenant, response_id)
            items = await items_of_response(session, response_id, is_output=True)
        return _object(row, [item.item for item in items], include)

    async def page(self, tenant: str, ask: PageAsk, status: Status | None) -> Page[ResponseShape]:
        """A part of those that are stored. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await responses_page(
                session, tenant, limit=ask.limit, after=ask.after, order=ask.order, status=status
            )
            outputs = await outputs_of(session, [row.response_id for row in rows])
        shapes = [ResponseShape.model_validate(_object(row, outputs[row.response_id], None)) for row in rows]
        return page_of(shapes, has_more, lambda one: one.id)

    async def cancel(self, tenant: str, response_id: str) -> JsonObject:
        """Stop one that works in the background. Raises ApiError: 400 for any other, 404, 503."""
        row = await self.find(tenant, response_id)
        if not row.is_background:
            raise invalid("response_id", "names a response that does not work in the background")
        await self.cancels.end(row)
        return await self.show(tenant, response_id)

    async def delete(self, tenant: str, response_id: str) -> None:
        """Delete one with its items; one that runs is stopped first. Raises ApiError: 404, 503."""
        row = await self.find(tenant, response_id)
        if not has_ended(row):
            await self.cancels.end(row)
        async with self.database.begin() as session:
            if not await delete_response(session, tenant, response_id):
                raise no_response(response_id)

    async def input_items(self, tenant: str, response_id: str, ask: PageAsk) -> Page[InputItem]:
        """A part of what was put in. Raises ApiError: 404, or 400 for an unknown `after`."""
        async with self.database.begin() as session:
            await found(session, tenant, response_id)
            rows, has_more = await input_page(
                session, response_id, limit=ask.limit, after=ask.after, order=ask.order
            )
        items = [InputItem.model_validate(row.item) for row in rows]
        return page_of(items, has_more, lambda item: item.id)

    async def tool_executions(self, tenant: str, response_id: str) -> ToolExecutions:
        """The calls of our tools that it made. Raises ApiError, 404."""
        async with self.database.begin() as session:
            await found(session, tenant, response_id)
            steps = [step for step in await steps_of(session, response_id) if step.kind == TOOL]
            wanted = CallFilter(tenant, response_id=response_id)
            records, _ = await calls_page(session, wanted, limit=MOST_CALLS, after=None, order="asc")
        calls = {record.job_id: record for record in records}
        return ToolExecutions(data=[_execution(step, calls.get(step.job_id)) for step in steps])


def _object(row: ResponseRow, output: Sequence[JsonObject], include: Collection[str] | None) -> JsonObject:
    asked = row.plan.get("include", ()) if include is None else include
    return response_object(row, [shown_item(item, asked) for item in output])


def _execution(step: ResponseStepRow, call: ToolCallRow | None) -> ToolExecution:
    called = step.about
    ended = step.ended_at or (None if call is None else call.ended_at)
    took = None if ended is None else round((ended - step.started_at).total_seconds() * 1000)
    return ToolExecution.model_validate(
        {
            "id": step.job_id,
            "call_id": called.get("call_id", ""),
            "tool_name": called.get("name", "") if call is None else call.tool,
            "arguments": _arguments(called) if call is None else call.arguments,
            "result": None if call is None else call.result,
            "error": step.error or (None if call is None else call.error),
            "status": step.status,
            "started_at": step.started_at,
            "completed_at": ended,
            "duration_ms": took if call is None or call.duration_ms is None else call.duration_ms,
        }
    )


def _arguments(called: JsonObject) -> JsonObject | str:
    """What the model wrote, where nothing is recorded yet."""
    said = str(called.get("arguments") or "")
    try:
        value = from_json(said or "{}")
    except ValueError:
        return said
    return value if isinstance(value, dict) else said
