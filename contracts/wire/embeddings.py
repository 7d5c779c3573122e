"""Embeddings (platform.openai.com/docs/api-reference/embeddings)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from contracts.base import WireShape
from contracts.envelope import Lane
from contracts.wire.chat import LANE_OF_TIER

MAX_INPUTS = 2_048
Text = Annotated[str, StringConstraints(min_length=1)]
Tokens = Annotated[list[int], Field(min_length=1)]


class EmbeddingRequest(WireShape):
    """Texts, or their tokens, to be embedded. Every field reaches the provider as it was sent."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"model": "wordllama-256", "input": ["A river", "A city"]}}
    )

    model: Annotated[str, Field(min_length=1, max_length=256, description="A model id from /v1/models")]
    input: (
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=MAX_INPUTS)]
        | Tokens
        | Annotated[list[Tokens], Field(min_length=1, max_length=MAX_INPUTS)]
    ) = Field(description="A text, at most 2,048 texts, or the same as tokens")
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1)
    user: str | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None

    def lane(self) -> Lane:
        """The lane that the service tier asks for."""
        return LANE_OF_TIER[self.service_tier or "default"]


class Embedding(WireShape):
    """One text as a vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="Numbers, or base64 of little-endian 32-bit floats")


class EmbeddingUsage(WireShape):
    """Tokens read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(WireShape):
    """All vectors, in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage | None = None
