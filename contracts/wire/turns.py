"""Turns of conversations that are taken another way: edited questions, answers that are made again."""

from typing import Annotated, Any

from pydantic import Field

from contracts.base import WireShape
from contracts.wire.chat import ChatCompletionRequest, ChatMessage

JsonObject = dict[str, Any]  # OpenAI's parts, open by nature


class AnswerRequest(ChatCompletionRequest):
    """How an answer is made again: any field of a chat completion, without the messages."""

    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(  # type: ignore[assignment]
        None, description="The model to ask; without it, the one that answered before"
    )
    messages: Annotated[list[ChatMessage], Field(max_length=0)] = Field(
        default_factory=list, description="The conversation's own are sent; none may be given here"
    )


class EditRequest(AnswerRequest):
    """Another wording of a question."""

    content: str | list[JsonObject] = Field(
        description="A text, or parts as a chat or a conversation has them"
    )
    regenerate: bool | None = Field(None, description="Whether it is answered, too, as a completion is")


class Edited(WireShape):
    """Where an edited question went. What was said before stays on the branch before."""

    branch: str = Field(description="The branch that is active now")
    old_main_backup: str = Field(description="The branch that the question stood on, which is as it was")
    branch_created: bool
    new_branch: str = Field(description="The same as `branch`")
    user_item: JsonObject = Field(description="The new question")
