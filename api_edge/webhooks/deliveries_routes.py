"""The routes of deliveries, and of the tenant's own secret."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import MAX_ID, Paging
from api_edge.webhooks.deliveries import Deliveries
from api_edge.webhooks.endpoints import Endpoints
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.webhooks import WebhookDelivery, WebhookDeliveryWithTries, WebhookRotateAsk, WebhookSecret

DeliveryId = Annotated[str, Path(description="Its id", examples=["whd_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])]
OfEndpoint = Annotated[
    str | None,
    Query(min_length=1, max_length=MAX_ID, pattern="^[!-~]+$", description="Those for this endpoint alone"),
]
InState = Annotated[
    Literal["pending", "delivered", "failed"] | None, Query(description="Those that stand so alone")
]


def deliveries_router(deliveries: Deliveries, endpoints: Endpoints) -> APIRouter:
    """What was, is and could not be delivered."""
    router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
    unknown: dict[int | str, dict[str, object]] = {
        404: {"model": ErrorAnswer, "description": "The caller has no such delivery"}
    }
    switched_off: dict[int | str, dict[str, object]] = {
        409: {"model": ErrorAnswer, "description": "Its endpoint is deleted or switched off"}
    }

    @router.get("/deliveries", summary="List deliveries of webhooks")
    async def list_webhook_deliveries(
        caller: SignedIn, paging: Paging, webhook_endpoint_id: OfEndpoint = None, state: InState = None
    ) -> Page[WebhookDelivery]:
        """By age. They are kept for 30 days, as `JAN_WEBHOOKS_RETENTION` has it."""
        return await deliveries.page(caller, paging, webhook_endpoint_id, state)

    @router.get("/deliveries/{delivery_id}", summary="Read a delivery of a webhook", responses=unknown)
    async def read_webhook_delivery(caller: SignedIn, delivery_id: DeliveryId) -> WebhookDeliveryWithTries:
        """With what is sent, and how the last tries went."""
        return await deliveries.read(caller, delivery_id)

    @router.post(
        "/deliveries/{delivery_id}/redeliver",
        summary="Deliver a webhook again",
        responses={**unknown, **switched_off},
    )
    async def redeliver_webhook(caller: SignedIn, delivery_id: DeliveryId) -> WebhookDelivery:
        """From now on, as often as a new one, with the same `webhook-id`; whatever became of it before."""
        return await deliveries.redeliver(caller, delivery_id)

    @router.get("/secret", summary="Read the secret of addresses that responses name")
    async def read_webhook_secret(caller: SignedIn, response: Response) -> WebhookSecret:
        """What goes to a `metadata.webhook_url` is signed with it. It can be read again, unlike an
        endpoint's: nobody was there to be shown it when it was made."""
        response.headers["Cache-Control"] = "no-store"
        return await endpoints.secret(caller)

    @router.post("/secret/rotate", summary="Replace the secret of addresses that responses name")
    async def rotate_webhook_own_secret(
        caller: SignedIn, response: Response, body: WebhookRotateAsk | None = None
    ) -> WebhookSecret:
        """The one before it may sign beside it for a day."""
        response.headers["Cache-Control"] = "no-store"
        return await endpoints.rotate_own(caller, body or WebhookRotateAsk())

    return router
