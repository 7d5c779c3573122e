"""Conversations and their branches: OpenAI's fields, and Jan's beside them. Times are unix seconds."""

from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints

from contracts.base import WireShape
from contracts.wire.items import MAX_ITEMS
from contracts.wire.lists import Page
from contracts.wire.storable import KEPT, Storable

MAX_TITLE = 256
MAX_REFERRER = 64
MAX_ID = 64
MAX_BULK = 100
BRANCH_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
EXAMPLE_ID = "conv_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
ITEM_ID = "msg_01KB3M5Q8Z7V2T4X6Y8W0R1S2V"
EXAMPLE: dict[str, JsonValue] = {
    "id": EXAMPLE_ID,
    "object": "conversation",
    "created_at": 1780315200,
    "metadata": {"topic": "travel"},
    "title": "Three days in Lisbon",
    "project_id": None,
    "referrer": "desktop",
    "active_branch": "MAIN",
    "updated_at": 1780315260,
}
EXAMPLE_ITEM: dict[str, JsonValue] = {
    "id": ITEM_ID,
    "object": "conversation.item",
    "type": "message",
    "role": "user",
    "status": "completed",
    "content": [{"type": "input_text", "text": "Where shall we eat?"}],
    "branch": "MAIN",
    "sequence_number": 1,
    "created_at": "2026-06-01T12:00:00.000Z",
}
EASY_ITEM: dict[str, JsonValue] = {"type": "message", "role": "user", "content": "Where shall we eat?"}
EXAMPLE_BRANCH: dict[str, JsonValue] = {
    "name": "vegetarian",
    "object": "conversation.branch",
    "description": "The same, without fish",
    "parent_branch": "MAIN",
    "forked_from_item_id": ITEM_ID,
    "forked_at": 1780315230,
    "item_count": 3,
    "is_active": True,
    "created_at": 1780315230,
    "updated_at": 1780315260,
}

JsonObject = dict[str, Any]  # OpenAI's items, open by nature
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE), KEPT]
Referrer = Annotated[str, Field(min_length=1, max_length=MAX_REFERRER), KEPT]
ProjectId = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Metadata = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=64), KEPT], Annotated[str, Field(max_length=512), KEPT]
    ],
    Field(max_length=16),
]
BranchName = Annotated[str, Field(pattern=BRANCH_NAME)]


class ConversationAsk(WireShape):
    """A new conversation. Everything may be left out."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"metadata": {"topic": "travel"}, "items": [EASY_ITEM]}}
    )

    items: list[JsonObject] | None = Field(
        None, max_length=MAX_ITEMS, description="What it begins with: items as OpenAI's API has them"
    )
    metadata: Metadata | None = Field(None, description="At most 16 texts of 512 characters, by names of 64")
    title: Title | None = Field(None, description="Without one, the first turn of a chat gives it")
    project_id: ProjectId | None = Field(None, description="The project that it belongs to")
    referrer: Referrer | None = Field(None, description="Where it was begun; a list can be of one referrer")


class ConversationChange(WireShape):
    """What is to be changed of a conversation. What is left out stays, null clears."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"title": "Three days in Lisbon", "metadata": {"topic": "travel"}}}
    )

    metadata: Metadata | None = Field(None, description="In place of all that there was")
    title: Title | None = None
    project_id: ProjectId | None = Field(None, description="Null takes it out of its project")
    referrer: Referrer | None = None


class Conversation(WireShape):
    """A conversation, without its items."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int = Field(description="Unix seconds")
    metadata: dict[str, str]
    title: str | None = None
    project_id: str | None = None
    referrer: str | None = None
    active_branch: str = Field(description="Whose items are listed, and where new ones are appended")
    updated_at: int = Field(description="Unix seconds")


class ConversationDeleted(WireShape):
    """A conversation is gone."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": EXAMPLE_ID, "object": "conversation.deleted", "deleted": True}}
    )

    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: Literal[True] = True


class BulkDeleteAsk(WireShape):
    """Which conversations are to be deleted."""

    model_config = ConfigDict(json_schema_extra={"example": {"ids": [EXAMPLE_ID]}})

    ids: list[Annotated[str, Field(min_length=1, max_length=MAX_ID)]] = Field(
        min_length=1, max_length=MAX_BULK, description="All are deleted, or, where one is unknown, none"
    )


class ConversationsDeleted(WireShape):
    """Conversations are gone."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"object": "conversations.deleted", "deleted": True, "deleted_count": 2}
        }
    )

    object: Literal["conversations.deleted"] = "conversations.deleted"
    deleted: Literal[True] = True
    deleted_count: int


class ItemsAsk(WireShape):
    """Items to append."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [EASY_ITEM]}})

    items: list[JsonObject] = Field(
        min_length=1,
        max_length=MAX_ITEMS,
        description="Items as OpenAI's API has them. They get new ids, also where they bring some",
    )


class ConversationItem(WireShape):
    """An item: OpenAI's, with all that its type has, and its place."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_ITEM})

    id: str
    object: Literal["conversation.item"] = "conversation.item"
    type: str = Field(description="message, function_call, function_call_output, reasoning, ...")
    status: str
    branch: str = Field(description="The branch that it was appended to")
    sequence_number: int = Field(description="Rises along every branch; not without gaps, and never again")
    created_at: AwareDatetime


class CallResult(WireShape):
    """What became of a call to an MCP tool."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "completed", "output": "21 degrees"}})

    status: Literal["in_progress", "calling", "completed", "incomplete", "failed", "cancelled"]
    output: Storable | None = None
    error: JsonValue = None
    name: Annotated[str, Field(min_length=1), KEPT] | None = None
    arguments: Storable | None = None
    server_label: Storable | None = None


class BranchAsk(WireShape):
    """A new branch."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "vegetarian", "fork_from_item_id": ITEM_ID}}
    )

    name: BranchName = Field(description="Not MAIN, which is there from the beginning")
    parent_branch: BranchName | None = Field(None, description="The active branch, if it is left out")
    fork_from_item_id: Annotated[str, Field(min_length=1, max_length=MAX_ID)] | None = Field(
        None, description="The last item that both share; the parent's newest, if it is left out"
    )
    description: Annotated[str, Field(max_length=512), KEPT] | None = None


class Branch(WireShape):
    """A branch: its own items, behind those that it shares with its parent."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_BRANCH})

    name: str
    object: Literal["conversation.branch"] = "conversation.branch"
    description: str | None = None
    parent_branch: str | None = Field(None, description="Null for MAIN")
    forked_from_item_id: str | None = Field(
        None, description="The last item that both share; null for MAIN, and where it was deleted since"
    )
    forked_at: int | None = Field(None, description="Unix seconds; null for MAIN")
    item_count: int = Field(description="With the items that it shares")
    is_active: bool
    created_at: int = Field(description="Unix seconds")
    updated_at: int = Field(description="Unix seconds")


class BranchList(Page[Branch]):
    """All branches of a conversation, MAIN first: there are at most 64."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "object": "list",
                "data": [EXAMPLE_BRANCH],
                "first_id": "vegetarian",
                "last_id": "vegetarian",
                "has_more": False,
                "next_after": None,
                "active_branch": "vegetarian",
            }
        }
    )

    active_branch: str


class BranchActivated(WireShape):
    """Which branch is the active one now."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"active_branch": "vegetarian", "message": "The branch is active"}}
    )

    active_branch: str
    message: str = "The branch is active"


class ConversationLike(Protocol):
    """A conversation's row."""

    conversation_id: str
    created_at: datetime
    meta: dict[str, str]
    title: str | None
    project_id: str | None
    referrer: str | None
    active_branch: str
    updated_at: datetime


def shown_conversation(row: ConversationLike) -> Conversation:
    """A conversation as clients see it."""
    return Conversation(
        id=row.conversation_id,
        created_at=int(row.created_at.timestamp()),
        metadata=row.meta,
        title=row.title,
        project_id=row.project_id,
        referrer=row.referrer,
        active_branch=row.active_branch,
        updated_at=int(row.updated_at.timestamp()),
    )
