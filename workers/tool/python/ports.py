"""A program, how it ended, and what runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contracts.tools.python import RunStatus

Files = Mapping[str, bytes]
"""Files of a working folder, by their path in it."""


@dataclass(frozen=True)
class Program:
    """What is to be run, and the files that it finds in its working folder."""

    code: str
    files: Files = field(default_factory=dict)
    keeps_all: bool = False
    """Whether all its files are wanted, as a session wants them; else only those that are new or changed."""


@dataclass(frozen=True)
class Outcome:
    """How it ended."""

    status: RunStatus
    stdout: str
    stderr: str
    exit_code: int | None
    """128 and the signal's number where a signal ended it, as in shells; None: it came to no end."""
    seconds: float
    is_truncated: bool = False
    error: str | None = None
    files: Files = field(default_factory=dict)
    """What it left, as its own sandbox tells: nobody's names are trusted."""


class Sandbox(Protocol):
    """Runs programs, each apart from all others and from its host."""

    @property
    def level(self) -> str:
        """How it keeps them apart: `full`, `no-cgroup`, `remote` or `disabled`."""

    @property
    def off_reason(self) -> str | None:
        """Why it cannot; None: it can."""

    async def run(self, program: Program) -> Outcome:
        """Run it to its end. Raises ToolFailed. Cancelled, it has ended the program before it ends."""
