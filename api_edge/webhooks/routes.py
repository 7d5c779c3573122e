"""The routes of webhook endpoints, under our path and under OpenAI's."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from api_edge.webhooks.deliveries import Deliveries
from api_edge.webhooks.endpoints import Endpoints
from contracts.errors import ErrorCode
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.webhooks import (
    Webhook,
    WebhookAsk,
    WebhookDeleted,
    WebhookEventType,
    WebhookEventTypeList,
    WebhookPatch,
    WebhookRotateAsk,
    WebhookTest,
    WebhookTestAsk,
    WebhookWithSecret,
)

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller has no such endpoint"}}
ENOUGH: Answers = {409: {"model": ErrorAnswer, "description": "The tenant has as many as it may have"}}
REFUSES: dict[str, Any] = {"x-codes": [ErrorCode.ADDRESS_REFUSED]}  # FastAPI's own type
WAITS: dict[str, Any] = {"x-codes": [ErrorCode.DEADLINE_EXCEEDED, ErrorCode.STREAM_LOST]}  # the same
EndpointId = Annotated[str, Path(description="Its id", examples=["wh_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])]
OURS = "/v1/webhooks"
OPENAI = "/v1/webhook_endpoints"


def endpoints_router(prefix: str, endpoints: Endpoints, deliveries: Deliveries) -> APIRouter:
    """A caller's endpoints."""
    router = APIRouter(prefix=prefix, tags=["webhooks"])
    _add_lists(router, endpoints)
    _add_one(router, endpoints)
    _add_acts(router, endpoints, deliveries)
    return router


def types_router() -> APIRouter:
    """What can be told."""
    router = APIRouter(tags=["webhooks"])

    @router.get("/v1/webhook_event_types", summary="List what webhooks can tell")
    async def list_webhook_event_types(caller: SignedIn) -> WebhookEventTypeList:  # noqa: ARG001  for who has a name
        """Every type of event."""
        return WebhookEventTypeList(data=[one.value for one in WebhookEventType])

    return router


def _add_lists(router: APIRouter, endpoints: Endpoints) -> None:
    @router.post(
        "", status_code=201, summary="Begin a webhook endpoint", responses=ENOUGH, openapi_extra=REFUSES
    )
    async def create_webhook(caller: SignedIn, body: WebhookAsk, response: Response) -> WebhookWithSecret:
        """Its signing secret is in this answer and in none after it."""
        response.headers["Cache-Control"] = "no-store"
        return await endpoints.create(caller, body)

    @router.get("", summary="List webhook endpoints")
    async def list_webhooks(caller: SignedIn, paging: Paging) -> Page[Webhook]:
        """All of them, by age."""
        return await endpoints.page(caller, paging)


def _add_one(router: APIRouter, endpoints: Endpoints) -> None:
    @router.get("/{webhook_endpoint_id}", summary="Read a webhook endpoint", responses=UNKNOWN)
    async def read_webhook(caller: SignedIn, webhook_endpoint_id: EndpointId) -> Webhook:
        """One of them."""
        return await endpoints.read(caller, webhook_endpoint_id)

    @router.post(
        "/{webhook_endpoint_id}",
        summary="Change a webhook endpoint",
        responses=UNKNOWN,
        openapi_extra=REFUSES,
    )
    async def update_webhook(
        caller: SignedIn, webhook_endpoint_id: EndpointId, body: WebhookPatch
    ) -> Webhook:
        """What is left out stays. What still waits goes to the new address."""
        return await endpoints.change(caller, webhook_endpoint_id, body)

    @router.patch(
        "/{webhook_endpoint_id}",
        summary="Change a webhook endpoint",
        responses=UNKNOWN,
        openapi_extra=REFUSES,
    )
    async def change_webhook(
        caller: SignedIn, webhook_endpoint_id: EndpointId, body: WebhookPatch
    ) -> Webhook:
        """The same by the other method."""
        return await endpoints.change(caller, webhook_endpoint_id, body)

    @router.delete("/{webhook_endpoint_id}", summary="Delete a webhook endpoint", responses=UNKNOWN)
    async def delete_webhook(caller: SignedIn, webhook_endpoint_id: EndpointId) -> WebhookDeleted:
        """What still waits for it has failed; the log of its deliveries stays."""
        await endpoints.delete(caller, webhook_endpoint_id)
        return WebhookDeleted(id=webhook_endpoint_id)


def _add_acts(router: APIRouter, endpoints: Endpoints, deliveries: Deliveries) -> None:
    @router.post(
        "/{webhook_endpoint_id}/rotate_secret",
        summary="Give a webhook endpoint another secret",
        responses=UNKNOWN,
    )
    async def rotate_webhook_secret(
        caller: SignedIn,
        webhook_endpoint_id: EndpointId,
        response: Response,
        body: WebhookRotateAsk | None = None,
    ) -> WebhookWithSecret:
        """It is in this answer and in none after it. The one before it may sign beside it for a day."""
        response.headers["Cache-Control"] = "no-store"
        return await endpoints.rotate(caller, webhook_endpoint_id, body or WebhookRotateAsk())

    @router.post(
        "/{webhook_endpoint_id}/test",
        summary="Try a webhook endpoint",
        responses=UNKNOWN,
        openapi_extra=WAITS,
    )
    async def test_webhook(
        caller: SignedIn, webhook_endpoint_id: EndpointId, body: WebhookTestAsk
    ) -> WebhookTest:
        """A signed event about an object that is not there is sent once; what is answered to it is told."""
        return await deliveries.test(caller, webhook_endpoint_id, body)
