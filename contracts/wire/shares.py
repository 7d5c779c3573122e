"""Shares: a conversation, or one answer of it, for everybody who has the link. Times are unix seconds."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from contracts.base import WireShape
from contracts.wire.storable import KEPT

MAX_TITLE = 256
EXAMPLE: dict[str, JsonValue] = {
    "id": "shr_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "share",
    "slug": "4fX2q9ZkT7bLr0VwYc8NhD",
    "share_url": "https://jan.example/v1/public/shares/4fX2q9ZkT7bLr0VwYc8NhD",
    "conversation_id": "conv_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "item_id": None,
    "title": "Three days in Lisbon",
    "visibility": "unlisted",
    "view_count": 3,
    "revoked_at": None,
    "last_viewed_at": 1780315260,
    "share_options": {"include_images": False, "branch": "MAIN"},
    "created_at": 1780315200,
    "updated_at": 1780315200,
}

JsonObject = dict[str, Any]  # OpenAI's items, open by nature
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE), KEPT]


class ShareAsk(WireShape):
    """What is to be shared: all of a branch as it is now, or one answer."""

    model_config = ConfigDict(json_schema_extra={"example": {"scope": "conversation"}})

    scope: Literal["conversation", "item"] = Field("conversation", description="All of it, or one answer")
    item_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="The answer, with scope item"
    )
    title: Title | None = Field(None, description="By default the conversation's")
    include_images: bool = Field(default=False, strict=True)
    include_context_messages: bool = Field(
        default=False, strict=True, description="With scope item: the question before the answer, too"
    )
    branch: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="By default the active one"
    )

    @model_validator(mode="after")
    def _names_an_item_or_none(self) -> Self:
        if (self.scope == "item") != (self.item_id is not None):
            message = "item_id is needed with scope item, and only there"
            raise ValueError(message)
        return self


class Share(WireShape):
    """A share, as its owner sees it."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    object: Literal["share"] = "share"
    slug: str
    share_url: str = Field(description="Whoever has it can read the share, without a login")
    conversation_id: str
    item_id: str | None
    title: str
    visibility: Literal["unlisted"] = "unlisted"
    view_count: int
    revoked_at: int | None
    last_viewed_at: int | None
    share_options: JsonObject
    created_at: int
    updated_at: int


class ShareDeleted(WireShape):
    """A share that nobody can read any more."""

    id: str
    object: Literal["share.deleted"] = "share.deleted"
    deleted: Literal[True] = True


class Snapshot(WireShape):
    """What was shared: the texts of questions and answers, as they were then."""

    title: str
    model_name: str | None
    created_at: int
    items: list[JsonObject]


class PublicShare(WireShape):
    """A share, as everybody sees it who has the link. Nothing in it tells whose it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "public_share",
                "slug": "4fX2q9ZkT7bLr0VwYc8NhD",
                "title": "Three days in Lisbon",
                "created_at": 1780315200,
                "snapshot": {
                    "title": "Three days in Lisbon",
                    "model_name": "smollm2-135m-instruct",
                    "created_at": 1780315100,
                    "items": [
                        {
                            "type": "message",
                            "role": "user",
                            "content": [{"type": "input_text", "text": "Where shall we eat?"}],
                        }
                    ],
                },
            }
        }
    )

    object: Literal["public_share"] = "public_share"
    slug: str
    title: str
    created_at: int
    snapshot: Snapshot
