"""Chat completions (platform.openai.com/docs/api-reference/chat): what is checked before a job is taken.

Types of known fields are checked, ranges are the provider's to judge, what is not known here is passed on.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.base import WireShape
from contracts.envelope import Lane
from contracts.wire.conversations import Metadata, Referrer, Title

MAX_MESSAGES = 2_048
LANE_OF_TIER = {
    "priority": Lane.PRIORITY,
    "default": Lane.DEFAULT,
    "auto": Lane.DEFAULT,
    "flex": Lane.FLEX,
}

JsonObject = dict[str, Any]  # the provider's contract, open by nature


class ChatConversation(WireShape):
    """The conversation that a completion goes on with, or begins."""

    id: str | None = Field(None, description="Of one that there is; without it, a new one is made")
    title: Title | None = Field(None, description="Of a new one; without it, its first question gives it")
    project_id: str | None = Field(None, description="The project that a new one belongs to")
    referrer: Referrer | None = Field(None, description="Where a new one was begun")
    metadata: Metadata | None = Field(None, description="Of a new one")


class ChatMessage(WireShape):
    """One message of the conversation; roles and parts that are not known here pass through."""

    role: Annotated[str, Field(min_length=1, description="system, developer, user, assistant or tool")]
    content: str | list[JsonObject] | None = None
    name: str | None = None
    tool_calls: list[JsonObject] | None = None
    tool_call_id: str | None = None


class StreamOptions(WireShape):
    """What a stream carries beside the text."""

    include_usage: bool | None = Field(None, description="Send a last chunk with the usage")


class ChatCompletionRequest(WireShape):
    """A chat completion request. Every field reaches the provider as it was sent, unknown ones included."""

    model: Annotated[str, Field(min_length=1, max_length=256, description="A model id from /v1/models")]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    seed: int | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonObject | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    conversation: str | ChatConversation | None = Field(
        None,
        description="Goes on with a stored conversation: what it holds reaches the model, trimmed to the "
        "context, and the turn is appended",
    )
    store: bool | None = Field(
        None,
        description="true: the completion can be read later. false, with a conversation: the turn is not "
        "appended",
    )
    store_reasoning: bool | None = Field(
        None, description="Whether what the model thought is appended to the conversation, too"
    )
    enable_thinking: bool | None = None

    def lane(self) -> Lane:
        """The lane that the service tier asks for."""
        return LANE_OF_TIER[self.service_tier or "default"]


class ConversationName(WireShape):
    """The conversation that an answer belongs to."""

    id: str
    title: str | None = None


class CompletionUsage(WireShape):
    """Tokens used, as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatChoice(WireShape):
    """One answer of a completion."""

    index: int
    message: JsonObject
    finish_reason: str | None
    logprobs: JsonObject | None = None


class ChatCompletion(WireShape):
    """A whole completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    conversation: ConversationName | None = Field(None, description="Where one was asked for")


class ChunkChoice(WireShape):
    """What one chunk adds to one answer."""

    index: int
    delta: JsonObject
    finish_reason: str | None = None
    logprobs: JsonObject | None = None


class ChatCompletionChunk(WireShape):
    """One `data:` line of a stream; the last line is `data: [DONE]`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    conversation: ConversationName | None = Field(None, description="In the first, where one was asked for")
    x_seq: int = Field(description="Number of this chunk, from 0; the cursor of a resume")
