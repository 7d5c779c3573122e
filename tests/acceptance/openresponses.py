"""The published schema of Open Responses, as far as the six areas of its compliance suite need it.

Which fields there are, which of them must be, and of what type, is taken from the specification's TypeSpec
(github.com/openresponses/openresponses, schema/*.tsp at commit 3533b21, Apache-2.0). As in its own suite,
fields beside those are let through, and types are not bent: 1 is no text, and what must be is never missing.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Number = float | int
Status = Literal["in_progress", "completed", "incomplete"]


class Strict(BaseModel):
    """Types as they are."""

    model_config = ConfigDict(strict=True, extra="ignore")


class UrlCitation(Strict):
    type: Literal["url_citation"]
    url: str
    start_index: int
    end_index: int
    title: str


class TopLogProb(Strict):
    token: str
    logprob: Number
    bytes: list[int]


class LogProb(TopLogProb):
    top_logprobs: list[TopLogProb]


class InputText(Strict):
    type: Literal["input_text"]
    text: str


class OutputText(Strict):
    type: Literal["output_text"]
    text: str
    annotations: list[UrlCitation]
    logprobs: list[LogProb] = []


class OtherText(Strict):
    type: Literal["text", "summary_text", "reasoning_text"]
    text: str


class Refusal(Strict):
    type: Literal["refusal"]
    refusal: str


class InputImage(Strict):
    type: Literal["input_image"]
    image_url: str | None
    detail: Literal["low", "high", "auto"]


class InputFile(Strict):
    type: Literal["input_file"]
    filename: str = ""
    file_url: str = ""


Part = Annotated[
    InputText | OutputText | OtherText | Refusal | InputImage | InputFile, Field(discriminator="type")
]


class Message(Strict):
    type: Literal["message"]
    id: str
    status: Status
    role: Literal["user", "assistant", "system", "developer"]
    content: list[Part]


class FunctionCall(Strict):
    type: Literal["function_call"]
    id: str
    call_id: str
    name: str
    arguments: str
    status: Status


class FunctionCallOutput(Strict):
    type: Literal["function_call_output"]
    id: str
    call_id: str
    output: str | list[Annotated[InputText | InputImage | InputFile, Field(discriminator="type")]]
    status: Status


class Reasoning(Strict):
    type: Literal["reasoning"]
    id: str
    content: list[Part] = []
    summary: list[Part]
    encrypted_content: str = ""


Item = Annotated[Message | FunctionCall | FunctionCallOutput | Reasoning, Field(discriminator="type")]


class FunctionTool(Strict):
    type: Literal["function"]
    name: str
    description: str | None
    parameters: dict[str, Any] | None
    strict: bool | None


class FunctionChoice(Strict):
    type: Literal["function"]
    name: str


class PlainFormat(Strict):
    type: Literal["text", "json_object"]


class TextField(Strict):
    format: PlainFormat


class Reason(Strict):
    reason: str


class Failure(Strict):
    code: str
    message: str


class InputDetails(Strict):
    cached_tokens: int


class OutputDetails(Strict):
    reasoning_tokens: int


class Usage(Strict):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputDetails
    output_tokens_details: OutputDetails


class Effort(Strict):
    effort: Literal["none", "low", "medium", "high", "xhigh"] | None
    summary: Literal["concise", "detailed", "auto"] | None


class ResponseResource(Strict):
    """The response object."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: str
    incomplete_details: Reason | None
    model: str
    previous_response_id: str | None
    instructions: str | None
    output: list[Item]
    error: Failure | None
    tools: list[FunctionTool]
    tool_choice: FunctionChoice | Literal["none", "auto", "required"]
    truncation: Literal["auto", "disabled"]
    parallel_tool_calls: bool
    text: TextField
    top_p: Number
    presence_penalty: Number
    frequency_penalty: Number
    top_logprobs: int
    temperature: Number
    reasoning: Effort | None
    usage: Usage | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    store: bool
    background: bool
    service_tier: str
    metadata: Any
    safety_identifier: str | None
    prompt_cache_key: str | None


class Event(Strict):
    sequence_number: int


class Snapshot(Event):
    type: Literal[
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.completed",
        "response.failed",
        "response.incomplete",
    ]
    response: ResponseResource


class ItemEvent(Event):
    type: Literal["response.output_item.added", "response.output_item.done"]
    output_index: int
    item: Item | None


class Within(Event):
    """Something that happens to an item."""

    item_id: str
    output_index: int


class PartEvent(Within):
    type: Literal["response.content_part.added", "response.content_part.done"]
    content_index: int
    part: Part


class TextDelta(Within):
    type: Literal["response.output_text.delta"]
    content_index: int
    delta: str
    logprobs: list[LogProb] = []


class TextDone(Within):
    type: Literal["response.output_text.done"]
    content_index: int
    text: str
    logprobs: list[LogProb] = []


class ArgumentsDelta(Within):
    type: Literal["response.function_call_arguments.delta"]
    delta: str


class ArgumentsDone(Within):
    type: Literal["response.function_call_arguments.done"]
    arguments: str


StreamEvent = Annotated[
    Snapshot | ItemEvent | PartEvent | TextDelta | TextDone | ArgumentsDelta | ArgumentsDone,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[StreamEvent] = TypeAdapter(StreamEvent)
