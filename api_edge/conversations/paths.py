"""What the paths and the answers of conversations' routes have in common."""

from typing import Annotated, Any

from fastapi import Path, Query

from contracts.wire.conversations import BRANCH_NAME, EXAMPLE_ID, ITEM_ID
from contracts.wire.errors import ErrorAnswer

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type

CONVERSATIONS = "/v1/conversations"
CONVERSATION = CONVERSATIONS + "/{conversation_id}"
UNKNOWN: Answers = {
    404: {"model": ErrorAnswer, "description": "The caller has no such conversation, or it has no such thing"}
}
CONFLICT: Answers = {409: {"model": ErrorAnswer, "description": "It is in conflict with other branches"}}
DOWN: Answers = {503: {"model": ErrorAnswer, "description": "The database does not answer; nothing was done"}}
ConversationId = Annotated[str, Path(description="As its list tells it", examples=[EXAMPLE_ID])]
ItemId = Annotated[str, Path(description="As the conversation's list tells it", examples=[ITEM_ID])]
CallId = Annotated[str, Path(description="The call_id of an item", examples=["call_7f3a"])]
BranchOf = Annotated[
    str | None,
    Query(
        pattern=BRANCH_NAME,
        description="Of which branch; the active one, if it is left out",
        examples=["MAIN"],
    ),
]
Name = Annotated[str, Path(description="A branch, as their list tells it", examples=["vegetarian"])]
