"""How the scripted upstream behaves, carried in the model's name: `mock-<first ms>-<tokens>-<gap us>`."""

import re
from dataclasses import dataclass

NAME = re.compile(r"mock-(\d{1,6})-(\d{1,6})-(\d{1,9})")
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Behaviour:
    """When the first token comes, how many tokens there are, and how far they are apart."""

    first_ms: int
    tokens: int
    gap_us: int

    @property
    def model(self) -> str:
        """The name that makes the upstream behave so."""
        return f"mock-{self.first_ms}-{self.tokens}-{self.gap_us}"

    @property
    def first(self) -> float:
        """Seconds to the first token."""
        return self.first_ms / 1_000

    @property
    def gap(self) -> float:
        """Seconds between two tokens."""
        return self.gap_us / MICROSECONDS

    @property
    def seconds(self) -> float:
        """How long an answer takes when nothing is in its way."""
        return self.first + (self.tokens - 1) * self.gap


def behaviour_of(model: str) -> Behaviour | None:
    """The behaviour that a model's name asks for; None when it is no such name."""
    found = NAME.fullmatch(model)
    if found is None:
        return None
    first_ms, tokens, gap_us = map(int, found.groups())
    return Behaviour(first_ms, tokens, gap_us) if tokens else None
