"""Lists: one shape that answers every client, OpenAI's and the Go server's alike."""

from typing import Generic, Literal, TypeVar

from pydantic import Field

from contracts.base import WireShape

ItemT = TypeVar("ItemT")


class Page(WireShape, Generic[ItemT]):
    """A part of a list, in a stable order. The next part is asked for with `after`."""

    object: Literal["list"] = "list"
    data: list[ItemT]
    first_id: str | None = Field(None, description="The id of the first item here; null when there is none")
    last_id: str | None = Field(None, description="The id of the last item here; null when there is none")
    has_more: bool = Field(default=False, description="Whether there are items behind the last one")
    next_after: str | None = Field(
        None, description="What to send as `after` for the next part; null where this is the last"
    )
