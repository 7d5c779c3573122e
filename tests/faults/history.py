"""What clients asked for and what they saw, as values; and as a file of JSON lines that outlives a run."""

import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic_core import to_json


@dataclass(frozen=True)
class Ask:
    """One thing that a client wants, however often it must ask for it."""

    number: int
    tenant: int
    """Which of the run's callers asks."""
    word: str
    """What the pieces of its text begin with: no two asks have the same."""
    tokens: int
    gap: float
    """Seconds between tokens."""
    is_stream: bool
    lane: str = "default"
    key: str | None = None
    """Its Idempotency-Key."""
    leaves_after: int | None = None
    """Chunks after which its client goes away, to come back at another edge."""
    cancels_after: int | None = None
    """Chunks after which its client cancels it."""

    @property
    def text(self) -> str:
        """The whole of what the provider says to it."""
        return "".join(f"{self.word}{index} " for index in range(self.tokens))


class Close(StrEnum):
    """How one exchange ended."""

    DONE = "done"
    """Whole: `[DONE]`, or a body."""
    ERROR = "error"
    """An error frame, or an error for an answer."""
    CUT = "cut"
    """The connection broke, and the client noticed."""
    LEFT = "left"
    """The client went away."""
    UNREACHED = "unreached"
    """There was no connection: nothing was asked."""
    SILENT = "silent"
    """It ended as if it were whole, and was not."""
    HUNG = "hung"
    """Nothing came any more."""


@dataclass(frozen=True)
class Part:
    """One HTTP exchange."""

    ask: int
    verb: str
    """post, get, cancel or reread."""
    edge: int
    began: float
    """Seconds by the monotonic clock."""
    ended: float
    close: Close
    status: int | None = None
    job_id: str | None = None
    first_seq: int = 0
    chunks: tuple[tuple[int, str], ...] = ()
    """Of a stream: seq and text of each."""
    text: str | None = None
    """Of an answer that was not streamed."""
    code: str | None = None
    """Of an error."""


class History:
    """Takes down what happens, in memory and in a file."""

    def __init__(self, file: Path) -> None:
        self.parts: list[Part] = []
        self._file = file.open("a", encoding="utf-8")

    def note(self, part: Part) -> None:
        """An exchange has ended."""
        self.parts.append(part)
        self.tell("part", **asdict(part))

    def tell(self, event: str, **about: Any) -> None:  # whatever is told
        """One line."""
        line = to_json({"at": time.monotonic(), "event": event, **about}).decode()
        self._file.write(line + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is not written yet."""
        self._file.close()
