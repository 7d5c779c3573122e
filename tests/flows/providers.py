"""Whom a worker may ask, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contracts.errors import ApiError
from contracts.events import Usage
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from workers.completion.core import Candidate, Prefill, Provider


@dataclass
class MemoryCandidate:
    """One provider with one endpoint."""

    answers: Provider | ApiError
    """Who answers, or why nobody can be asked."""
    provider: str = "local"
    model: str = "m"
    prefill: Prefill = "none"
    media: str = "inline"
    price: int | None = None
    """Of a token, in millionths of a US dollar."""
    begun: int = 0
    ends: list[str | None] = field(default_factory=list)
    """The codes of failed calls, None for good ones, `gone` for those that were cancelled."""

    def cost(self, usage: Usage) -> int | None:
        return None if self.price is None else self.price * (usage.input_tokens + usage.output_tokens)

    async def client(self) -> Provider:
        if isinstance(self.answers, ApiError):
            raise self.answers
        return self.answers

    def begin(self) -> None:
        self.begun += 1

    async def end(self, failure: ApiError | None) -> None:
        self.ends.append(failure.detail.code if failure else None)

    async def abandon(self) -> None:
        self.ends.append("gone")


@dataclass
class MemoryRoutes:
    """Everybody offers every model."""

    everybody: Callable[[str], Sequence[Candidate]]

    async def candidates(self, model: str, endpoint: Endpoint) -> Sequence[Candidate]:
        return self.everybody(model)

    def ordered(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        return candidates


def only(provider: Provider, settings: ProviderSettings) -> MemoryRoutes:
    """One provider alone, which takes every name that it is asked by."""

    def everybody(model: str) -> Sequence[Candidate]:
        original = model.removeprefix(f"{settings.name}/")
        return [MemoryCandidate(provider, settings.name, original, settings.prefill, settings.media)]

    return MemoryRoutes(everybody)


def all_of(*candidates: MemoryCandidate) -> MemoryRoutes:
    """These, in this order."""
    return MemoryRoutes(lambda _: candidates)
