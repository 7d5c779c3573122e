"""A tool as it is offered, and what a call of it brings: progress on the way, and one result.

The shapes are those of the Model Context Protocol, so that nothing is lost on the way from another server:
modelcontextprotocol.io/specification/2025-11-25/server/tools.
"""

import json
from typing import Any, Self

from pydantic import BaseModel, Field

from contracts.base import Message

JsonObject = dict[str, Any]  # JSON, whose shape a schema tells


class ToolSpec(Message):
    """What a tool is, for whoever may call it."""

    name: str
    title: str | None = None
    description: str = ""
    input_schema: JsonObject
    """JSON Schema of the arguments; its type is object."""
    output_schema: JsonObject | None = None
    """JSON Schema of the structured result."""
    seconds: float | None = None
    """That one call may take, where nothing else is set; None: as all."""
    is_read_only: bool = False
    """Whether a call changes nothing."""
    is_destructive: bool = False
    is_idempotent: bool = False
    """Whether the same call twice does no more than once: it may be tried again when its worker was lost."""
    is_open_world: bool = False
    """Whether it reaches what is outside of the product."""

    @property
    def may_run_again(self) -> bool:
        """Whether a call that was begun and lost may be done once more."""
        return self.is_read_only or self.is_idempotent


class ToolProgress(Message):
    """How far a call is; `progress` only rises."""

    progress: float
    total: float | None = None
    message: str | None = None


class ToolResult(Message):
    """What a call brought. A tool's own failure is a result, too, which a model can read."""

    content: list[JsonObject] = Field(default_factory=list)
    """Content blocks, as `{"type": "text", "text": "..."}`."""
    structured: JsonObject | None = None
    """The same as JSON by the tool's output schema, where it has one."""
    is_error: bool = False

    @classmethod
    def of(cls, value: BaseModel) -> Self:
        """A result with this value: structured, and as text for who reads only that."""
        structured = value.model_dump(mode="json")
        return cls(content=[text_block(json.dumps(structured, ensure_ascii=False))], structured=structured)

    @classmethod
    def failed(cls, message: str) -> Self:
        """A failure, in one sentence for the model and its user."""
        return cls(content=[text_block(message)], is_error=True)

    @property
    def text(self) -> str:
        """All that is text in it."""
        return "\n".join(str(block.get("text", "")) for block in self.content if block.get("type") == "text")


def text_block(text: str) -> JsonObject:
    """A content block of text."""
    return {"type": "text", "text": text}


def schema_of(model: type[BaseModel]) -> JsonObject:
    """A model's JSON Schema, without the titles that pydantic makes of names."""
    plain: JsonObject = _untitled(model.model_json_schema())
    return plain


def _untitled(schema: Any) -> Any:  # any part of a JSON Schema
    match schema:
        case {"properties": dict(properties), **rest}:
            fields = {name: _untitled(field) for name, field in properties.items()}
            return {**_untitled(rest), "properties": fields}
        case dict():
            return {key: _untitled(value) for key, value in schema.items() if key != "title"}
        case list():
            return [_untitled(one) for one in schema]
        case _:
            return schema
