"""Legacy completions (platform.openai.com/docs/api-reference/completions)."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from contracts.base import WireShape
from contracts.envelope import Lane
from contracts.wire.chat import LANE_OF_TIER, CompletionUsage, StreamOptions

MAX_PROMPTS = 2_048
Tokens = Annotated[list[int], Field(min_length=1)]
JsonObject = dict[str, Any]  # the provider's contract, open by nature


class CompletionRequest(WireShape):
    """A prompt to go on with. Every field reaches the provider as it was sent, unknown ones included."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"model": "smollm2-135m-instruct", "prompt": "Once upon a time", "max_tokens": 16}
        }
    )

    model: Annotated[str, Field(min_length=1, max_length=256, description="A model id from /v1/models")]
    prompt: (
        str
        | Annotated[list[str], Field(min_length=1, max_length=MAX_PROMPTS)]
        | Tokens
        | Annotated[list[Tokens], Field(min_length=1, max_length=MAX_PROMPTS)]
    ) = Field(description="A text, several, or the same as tokens")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    user: str | None = None

    def lane(self) -> Lane:
        """The lane that the service tier asks for."""
        return LANE_OF_TIER[self.service_tier or "default"]


class TextChoice(WireShape):
    """One answer."""

    index: int
    text: str
    finish_reason: str | None = None
    logprobs: JsonObject | None = None


class TextCompletion(WireShape):
    """A whole completion, or one chunk of a stream."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoice]
    usage: CompletionUsage | None = None
    service_tier: str | None = None
    x_seq: int | None = Field(None, description="Of a chunk: its number, from 0")
