"""Responses (platform.openai.com/docs/api-reference/responses): what is checked before one is taken, and the
shapes in which responses are listed, deleted and told of.

Types and ranges of known fields are checked here; tools and items, each by its own type, where they are read.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints

from contracts.base import WireShape
from contracts.envelope import Lane
from contracts.wire.chat import LANE_OF_TIER
from contracts.wire.conversations import Metadata
from contracts.wire.storable import KEPT

MAX_ITEMS = 2_048
"""Of one request's input."""
MAX_TOOLS = 128
MAX_TEXT = 1_048_576
"""Characters of the instructions."""
EXAMPLE_ID = "resp_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
ITEM_EXAMPLE: dict[str, JsonValue] = {
    "id": "msg_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "type": "message",
    "role": "user",
    "status": "completed",
    "content": [{"type": "input_text", "text": "Say hello."}],
}
EXECUTION_EXAMPLE: dict[str, JsonValue] = {
    "id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "tool_execution",
    "call_id": "call_1",
    "tool_name": "google_search",
    "arguments": {"q": "weather in Lisbon"},
    "result": {"content": [{"type": "text", "text": "..."}], "structured": None, "is_error": False},
    "error": None,
    "status": "completed",
    "started_at": "2026-11-22T12:00:00Z",
    "completed_at": "2026-11-22T12:00:01Z",
    "duration_ms": 1_000,
}

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Id = Annotated[str, Field(min_length=1, max_length=64)]
Text = Annotated[str, Field(max_length=MAX_TEXT), KEPT]
Label = Annotated[str, Field(max_length=256), KEPT]
Included = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]
Status = Literal["queued", "in_progress", "completed", "failed", "cancelled", "incomplete"]


class ConversationId(WireShape):
    """A conversation, by its id."""

    id: Id


class PlainFormat(WireShape):
    """Text as the model likes, or any JSON object."""

    type: Literal["text", "json_object"]


class SchemaFormat(WireShape):
    """JSON by a schema."""

    type: Literal["json_schema"]
    name: Name
    schema_: JsonObject = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class TextOptions(WireShape):
    """How the answer is written."""

    format: Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningOptions(WireShape):
    """How much is thought."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class ResponseStreamOptions(WireShape):
    """What a stream carries beside the events: there is no padding, whatever is asked for."""

    include_obfuscation: bool | None = None


class BackgroundOptions(WireShape):
    """When a response in the background is wanted: what is not as soon as possible is asked for by the
    service tier `flex`."""

    completion_window: Literal["soonest"] | None = None


class CreateResponse(WireShape):
    """A response that is asked for. What is not known here is let through, and passed to no model."""

    model: Annotated[str, Field(min_length=1, max_length=256, description="A model id from /v1/models"), KEPT]
    input: str | Annotated[list[JsonObject], Field(max_length=MAX_ITEMS)] | None = Field(
        None, description="A text, or items: messages, outputs of calls, approvals, references to items"
    )
    instructions: Text | None = Field(None, description="Of this response alone: it is not carried over")
    previous_response_id: Id | None = Field(None, description="The stored response that it goes on from")
    conversation: Id | ConversationId | None = Field(
        None, description="What it holds reaches the model; input and output are appended to it"
    )
    tools: Annotated[list[JsonObject], Field(max_length=MAX_TOOLS)] | None = Field(
        None, description="function, web_search, file_search, code_interpreter, mcp"
    )
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Of all tools that are called here together; more of them are ignored"
    )
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    truncation: Literal["auto", "disabled"] | None = Field(
        None, description="auto: what the model's context cannot hold is left out, the oldest first"
    )
    include: list[Included] | None = Field(None, description="What is shown of items only if asked for")
    store: bool | None = Field(
        None, description="Whether it can be read later, for 30 days; by default it can"
    )
    background: bool | None = Field(None, description="Answer at once, and work on; it needs `store`")
    background_options: BackgroundOptions | None = None
    stream: bool | None = None
    stream_options: ResponseStreamOptions | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    metadata: Metadata | None = Field(None, description="At most 16 texts of 512 characters, by names of 64")
    user: Label | None = None
    safety_identifier: Annotated[str, Field(max_length=64), KEPT] | None = None
    prompt_cache_key: Label | None = None
    prompt: JsonObject | None = Field(None, description="Not offered: send the texts themselves")
    context_management: list[JsonObject] | None = Field(None, description="Not offered: see `truncation`")

    def lane(self) -> Lane:
        """The lane that the service tier asks for."""
        return LANE_OF_TIER[self.service_tier or "default"]


class ResponseShape(WireShape):
    """A response, as far as it is."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None
    status: Status
    background: bool
    error: JsonObject | None
    incomplete_details: JsonObject | None
    model: str
    output: list[JsonObject] = Field(description="Items: messages, reasoning, and calls of tools")
    previous_response_id: str | None
    conversation: JsonObject | None
    store: bool
    usage: JsonObject | None
    instructions: str | None
    tools: list[JsonObject]
    tool_choice: str | JsonObject
    truncation: str
    parallel_tool_calls: bool
    text: JsonObject
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    top_logprobs: int
    temperature: float
    reasoning: JsonObject
    max_output_tokens: int | None
    max_tool_calls: int | None
    service_tier: str
    metadata: dict[str, str]
    safety_identifier: str | None
    prompt_cache_key: str | None
    user: str | None
    prompt: JsonObject | None
    execution_metadata: JsonObject = Field(description="`max_depth`, `actual_depth`, `total_duration_ms`")


class InputTokens(WireShape):
    """What a response would be asked with, in tokens."""

    object: Literal["response.input_tokens"] = "response.input_tokens"
    input_tokens: Annotated[int, Field(ge=0)]


class ResponseDeleted(WireShape):
    """It is gone, with its items."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": EXAMPLE_ID, "object": "response", "deleted": True}}
    )

    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True


class InputItem(WireShape):
    """An item that was put in, in OpenAI's shape."""

    model_config = ConfigDict(json_schema_extra={"example": ITEM_EXAMPLE})

    id: str
    type: str


class ToolExecution(WireShape):
    """A call of one of our tools that a response made."""

    model_config = ConfigDict(json_schema_extra={"example": EXECUTION_EXAMPLE})

    id: str = Field(description="That of its job, too: GET /v1/jobs/{id}")
    object: Literal["tool_execution"] = "tool_execution"
    call_id: str
    tool_name: str
    arguments: JsonObject | str | None = Field(
        description="A text where the model wrote no JSON object; null where they are too large to be kept"
    )
    result: JsonObject | None = Field(description="Null where there is none, or it was too large")
    error: str | None
    status: Literal["running", "completed", "failed", "cancelled"]
    started_at: AwareDatetime
    completed_at: AwareDatetime | None
    duration_ms: int | None


class ToolExecutions(WireShape):
    """All of a response's calls, in their order."""

    object: Literal["list"] = "list"
    data: list[ToolExecution]
