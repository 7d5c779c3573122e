"""What providers offer, as values: whom to ask for a model, at which price."""

from dataclasses import dataclass, field
from typing import Any

from contracts.events import Usage
from contracts.jobs import Endpoint as Asked

MILLION = 1_000_000


@dataclass(frozen=True)
class Endpoint:
    """One address of a provider. Those of the least priority are asked first, by weight."""

    url: str
    weight: int = 1
    priority: int = 0


@dataclass(frozen=True)
class Provider:
    """Whom to ask, and how. Its key stays sealed."""

    provider_id: str
    name: str
    vendor: str = "jan"
    protocol: str = "openai"
    auth: str = "bearer"
    endpoints: tuple[Endpoint, ...] = ()
    models: tuple[str, ...] = ()
    """Offered where it has no list of its own."""
    sealed_key: str | None = None
    prefill: str = "none"
    tokenizer: str = "none"
    media: str = "inline"
    limits: dict[str, Any] = field(default_factory=dict)  # numbers, by the names of ProviderSettings
    is_trusted: bool = False
    is_listed: bool = True
    """Whether its models are known; who never told them may have any."""
    revision: int = 1


@dataclass(frozen=True)
class Price:
    """Millionths of a US dollar for a million tokens."""

    input: int
    output: int
    cached: int | None = None
    """None: like any other of the prompt."""

    def cost(self, usage: Usage) -> int:
        """Of a usage, in millionths of a US dollar, rounded up."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        of_cached = self.input if self.cached is None else self.cached
        parts = (usage.input_tokens - cached) * self.input + cached * of_cached
        return -(-(parts + usage.output_tokens * self.output) // MILLION)


@dataclass(frozen=True)
class Offer:
    """A model at a provider."""

    provider: Provider
    original_id: str
    """What the provider calls it."""
    catalog_id: str
    """What everybody calls it: offers of one catalog are the same model."""
    owned_by: str = ""
    created: int = 0
    price: Price | None = None
    context_length: int | None = None
    max_completion_tokens: int | None = None
    supports: frozenset[str] = frozenset()
    """`images`, `tools`, `embeddings`, `reasoning`, `audio`, `video`: what is known to work."""
    lacks: frozenset[str] = frozenset()
    """What is known not to."""

    def does(self, endpoint: Asked) -> bool:
        """Whether it may be asked that; where nothing is known of it, it may."""
        if endpoint is Asked.EMBEDDINGS:
            return "embeddings" not in self.lacks
        return self.supports != frozenset({"embeddings"})

    @property
    def slug(self) -> str:
        """The last part of its provider's name for it."""
        return self.original_id.rpartition("/")[2]

    @property
    def rank(self) -> tuple[bool, int, bool, str]:
        """Sorts the cheapest first; those without a price last."""
        price = self.price
        cost = 0 if price is None else price.input + price.output
        return price is None, cost, self.provider.vendor != "jan", self.provider.name
