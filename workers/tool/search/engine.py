"""A search engine as this room sees it: asked for pages, it finds something or fails for a reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from contracts.tools.search import SearchArguments

JsonObject = dict[str, Any]  # an engine's own JSON


class Outcome(StrEnum):
    """How a request to an engine ended, for metrics and for who reads the result."""

    ANSWERED = "answered"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    """The connection ended amid the answer."""
    LIMITED = "limited"
    REFUSED = "refused"
    FAILING = "failing"
    NO_ANSWER = "no_answer"
    """It answered with something else than results."""
    TOO_LARGE = "too_large"
    RESTING = "resting"
    """It was not asked: it failed too often of late, or asked to be left alone."""


class EngineFailed(Exception):
    """An engine did not answer; the message, for the model and its user, holds no key and no address."""

    def __init__(
        self,
        outcome: Outcome,
        reason: str,
        *,
        passes: bool = False,
        is_ill: bool = True,
        wait: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.passes = passes
        """Whether the same request may succeed a moment later."""
        self.is_ill = is_ill
        """Whether the engine is to blame, and not what it was asked."""
        self.wait = wait
        """Seconds for which it asked to be left alone."""


@dataclass(frozen=True)
class Found:
    """One result, with texts as the engine gives them."""

    title: str
    url: str
    host: str
    """Of the address: in lower case, and as it stands in DNS."""
    snippet: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of an engine's results."""

    found: Sequence[Found]
    skipped: int = 0
    """Entries that are no results: without an address of the web."""
    tells: JsonObject = field(default_factory=dict)
    """What it tells beside the results."""
    raw: JsonObject = field(default_factory=dict)
    """All that it said."""


class Engine(Protocol):
    """An adapter."""

    @property
    def name(self) -> str:
        """As settings and results name it."""

    def pages(self, asked: SearchArguments) -> range:
        """Which of its pages make up the page that is asked for."""

    def not_honoured(self, asked: SearchArguments) -> list[str]:
        """Which of the arguments it cannot follow, in sentences."""

    async def page(self, asked: SearchArguments, number: int) -> Page:
        """One of its pages. Raises EngineFailed; who asks limits the time."""
