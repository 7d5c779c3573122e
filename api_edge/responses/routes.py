"""The routes of responses that are there already."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from api_edge.responses.desk import ResponseDesk
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.responses import (
    EXAMPLE_ID,
    InputItem,
    ResponseDeleted,
    ResponseShape,
    Status,
    ToolExecutions,
)

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller stored no such response"}}
ResponseId = Annotated[str, Path(description="Its id", examples=[EXAMPLE_ID])]


def responses_router(desk: ResponseDesk) -> APIRouter:
    """A caller's stored responses."""
    router = APIRouter(prefix="/v1/responses", tags=["responses"])

    @router.get("", summary="List responses")
    async def list_responses(
        caller: SignedIn,
        paging: Paging,
        status: Annotated[Status | None, Query(description="Only those that are so now")] = None,
    ) -> Page[ResponseShape]:
        """What was asked for in the last 30 days without `store: false`. Jan's own."""
        return await desk.page(caller.tenant, paging, status)

    @router.delete("/{response_id}", summary="Delete a response", responses=UNKNOWN)
    async def delete_response(caller: SignedIn, response_id: ResponseId) -> ResponseDeleted:
        """With its items. One that runs is stopped first."""
        await desk.delete(caller.tenant, response_id)
        return ResponseDeleted(id=response_id)

    @router.post("/{response_id}/cancel", summary="Stop a response in the background", responses=UNKNOWN)
    async def cancel_response(caller: SignedIn, response_id: ResponseId) -> ResponseShape:
        """Its model and its tools are stopped, and what it has is kept. One that has ended stays as it is."""
        return ResponseShape.model_validate(await desk.cancel(caller.tenant, response_id))

    @router.get("/{response_id}/input_items", summary="List what was put in", responses=UNKNOWN)
    async def list_input_items(caller: SignedIn, response_id: ResponseId, paging: Paging) -> Page[InputItem]:
        """The items of its own request, by place; `desc`: the last first."""
        return await desk.input_items(caller.tenant, response_id, paging)

    @router.get("/{response_id}/tool_executions", summary="List the calls of tools", responses=UNKNOWN)
    async def list_tool_executions(caller: SignedIn, response_id: ResponseId) -> ToolExecutions:
        """Which of our tools it called: with what, what came of it, and how long it took. Jan's own."""
        return await desk.tool_executions(caller.tenant, response_id)

    return router
