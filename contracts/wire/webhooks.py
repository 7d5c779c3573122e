"""Webhooks: endpoints in OpenAI's shape, what is sent to them (standardwebhooks.com), and how that went."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from contracts.base import WireShape
from contracts.wire.projects import PRINTABLE
from contracts.wire.storable import KEPT

MAX_NAME = 120
MAX_URL = 2_048
ENDPOINT_EXAMPLE: dict[str, JsonValue] = {
    "id": "wh_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "webhook_endpoint",
    "name": "Tickets",
    "url": "https://hooks.example.com/jan",
    "event_types": ["response.completed", "response.failed"],
    "is_enabled": True,
    "signing_secret_hint": "whsec_...b3M=",
    "created_at": 1780315200,
    "updated_at": 1780315260,
}
DELIVERY_EXAMPLE: dict[str, JsonValue] = {
    "id": "whd_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "webhook.delivery",
    "event_id": "evt_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "event_type": "response.completed",
    "webhook_endpoint_id": "wh_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "url": "https://hooks.example.com/jan",
    "is_test": False,
    "state": "pending",
    "attempts": 1,
    "next_attempt_at": 1780315265,
    "last_status_code": 503,
    "last_error": None,
    "created_at": 1780315260,
    "ended_at": None,
}
TRY_EXAMPLE: dict[str, JsonValue] = {
    "at": "2026-06-01T12:01:00+00:00",
    "status_code": 503,
    "error": None,
    "seconds": 0.21,
}
SECRET_EXAMPLE = "whsec_c2VjcmV0IHRoYXQgaXMgMzIgYnl0ZXMgbG9uZy4uLi4="  # noqa: S105  of the document


class WebhookEventType(StrEnum):
    """What can be told."""

    RESPONSE_COMPLETED = "response.completed"
    RESPONSE_FAILED = "response.failed"
    RESPONSE_CANCELLED = "response.cancelled"
    RESPONSE_INCOMPLETE = "response.incomplete"
    BATCH_COMPLETED = "batch.completed"
    BATCH_FAILED = "batch.failed"
    BATCH_EXPIRED = "batch.expired"
    BATCH_CANCELLED = "batch.cancelled"


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME, pattern=PRINTABLE),
    KEPT,
]
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL), KEPT]
EventTypes = Annotated[list[WebhookEventType], Field(min_length=1, max_length=len(WebhookEventType) * 2)]


class EventData(WireShape):
    """What it happened to. What became of it is to be read by its id."""

    id: str


class Event(WireShape):
    """What is sent: a thin event, with the id by which a receiver knows that it heard of it before."""

    id: str
    object: Literal["event"] = "event"
    type: str
    created_at: int
    data: EventData


class WebhookAsk(WireShape):
    """A new endpoint."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "Tickets",
                "url": "https://hooks.example.com/jan",
                "event_types": ["response.completed"],
            }
        }
    )

    name: Name
    url: Url = Field(description="Where events are posted to: a public address")
    event_types: EventTypes = Field(description="What it is told of")


class WebhookPatch(WireShape):
    """What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"is_enabled": True}})

    name: Name | None = None
    url: Url | None = None
    event_types: EventTypes | None = None
    is_enabled: bool | None = Field(
        None, strict=True, description="An endpoint that answered 410 was switched off; so it is on again"
    )


class Webhook(WireShape):
    """An endpoint."""

    model_config = ConfigDict(json_schema_extra={"example": ENDPOINT_EXAMPLE})

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    name: str
    url: str
    event_types: list[str]
    is_enabled: bool
    signing_secret_hint: str | None
    created_at: int
    updated_at: int


class WebhookWithSecret(Webhook):
    """An endpoint with its secret, which is shown now and never again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**ENDPOINT_EXAMPLE, "signing_secret": SECRET_EXAMPLE}}
    )

    signing_secret: str


class WebhookDeleted(WireShape):
    """An endpoint that is no more."""

    id: str
    object: Literal["webhook_endpoint.deleted"] = "webhook_endpoint.deleted"
    deleted: Literal[True] = True


class WebhookRotateAsk(WireShape):
    """Another secret is wanted."""

    model_config = ConfigDict(json_schema_extra={"example": {"keep_old_secret_active_for_24_hours": True}})

    keep_old_secret_active_for_24_hours: bool = Field(
        default=False, strict=True, description="Whether what is sent carries both signatures for a day"
    )


class WebhookTestAsk(WireShape):
    """An event is to be shown."""

    model_config = ConfigDict(json_schema_extra={"example": {"event_type": "response.completed"}})

    event_type: WebhookEventType


class WebhookTest(WireShape):
    """What an endpoint answered to a sample."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "webhook_endpoint.test",
                "webhook_endpoint_id": "wh_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "event_type": "response.completed",
                "status_code": 200,
                "success": True,
            }
        }
    )

    object: Literal["webhook_endpoint.test"] = "webhook_endpoint.test"
    webhook_endpoint_id: str
    event_type: str
    status_code: int = Field(description="What it answered, good or bad")
    success: Literal[True] = True


class WebhookSecret(WireShape):
    """The secret that signs what goes to addresses which single responses named."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "webhook.secret",
                "signing_secret": SECRET_EXAMPLE,
                "former_secret_until": None,
                "updated_at": 1780315260,
            }
        }
    )

    object: Literal["webhook.secret"] = "webhook.secret"
    signing_secret: str
    former_secret_until: int | None = Field(description="Until when the one before it signs, too")
    updated_at: int


class WebhookEventTypeList(WireShape):
    """What can be told."""

    object: Literal["list"] = "list"
    data: list[str]


class WebhookTry(WireShape):
    """One try."""

    model_config = ConfigDict(json_schema_extra={"example": TRY_EXAMPLE})

    at: str
    status_code: int | None = Field(description="Null: it did not answer")
    error: str | None
    seconds: float


class WebhookDelivery(WireShape):
    """One event for one receiver."""

    model_config = ConfigDict(json_schema_extra={"example": DELIVERY_EXAMPLE})

    id: str
    object: Literal["webhook.delivery"] = "webhook.delivery"
    event_id: str = Field(description="What the receiver gets as `webhook-id`, the same at each try")
    event_type: str
    webhook_endpoint_id: str | None = Field(description="Null: a response named the address")
    url: str
    is_test: bool
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    next_attempt_at: int | None = Field(description="Null: there is none")
    last_status_code: int | None
    last_error: str | None
    created_at: int
    ended_at: int | None


class WebhookDeliveryWithTries(WebhookDelivery):
    """The same, with what is sent, and how its last tries went."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**DELIVERY_EXAMPLE, "body": "{}", "tries": [TRY_EXAMPLE]}}
    )

    body: str
    tries: list[WebhookTry] = Field(description="The last ones, the oldest first")
