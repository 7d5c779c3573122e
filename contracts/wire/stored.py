"""Stored completions (platform.openai.com/docs/api-reference/chat/list)."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from contracts.base import WireShape
from contracts.wire.storable import KEPT

MAX_PAIRS = 16
EXAMPLE_ID = "chatcmpl-01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
MESSAGE: dict[str, JsonValue] = {
    "id": f"{EXAMPLE_ID}-0",
    "role": "user",
    "content": "Say hello.",
    "content_parts": None,
}

Key = Annotated[str, StringConstraints(min_length=1, max_length=64), KEPT]
Value = Annotated[str, StringConstraints(max_length=512), KEPT]
Metadata = Annotated[dict[Key, Value], Field(max_length=MAX_PAIRS)]
JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


class StoredCompletion(WireShape):
    """A completion as it was answered, with its metadata. A streamed one is whole, too."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "object": "chat.completion",
                "created": 1780315200,
                "model": "smollm2-135m-instruct",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Hello."},
                        "finish_reason": "stop",
                    }
                ],
                "metadata": {"topic": "greetings"},
            }
        }
    )

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[JsonObject]
    metadata: dict[str, str]


class MetadataChange(WireShape):
    """Other metadata, in the place of what there was."""

    model_config = ConfigDict(json_schema_extra={"example": {"metadata": {"topic": "greetings"}}})

    metadata: Metadata | None = Field(description="At most 16 pairs; null: none")


class StoredMessage(WireShape):
    """One message that the completion was asked with."""

    model_config = ConfigDict(json_schema_extra={"example": MESSAGE})

    id: str
    role: str
    content: str | None
    content_parts: list[JsonObject] | None = Field(None, description="Where the content came in parts")


class CompletionDeleted(WireShape):
    """A stored completion that is no more."""

    id: str
    object: Literal["chat.completion.deleted"] = "chat.completion.deleted"
    deleted: Literal[True] = True
