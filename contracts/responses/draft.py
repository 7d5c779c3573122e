"""A response that is only to be counted: what a worker needs to make the chat of its first turn."""

from contracts.base import Message
from contracts.jobs import Turn
from contracts.responses.plan import JsonObject, ResponsePlan


class DraftItem(Message):
    """An item that is put in."""

    item: JsonObject
    said: JsonObject | None = None
    """Of a call that is referred to: what the model was told of it."""


class ResponseDraft(Message):
    """The body of a completion job that is counted: nothing of it stands in the database."""

    instructions: str | None = None
    items: tuple[DraftItem, ...] = ()
    plan: ResponsePlan
    previous_response_id: str | None = None
    place: Turn | None = None
    """Where its conversation would go on."""
