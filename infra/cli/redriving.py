"""Sends many dead letters back, and shows what became of each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from rich.table import Table
from rich.text import Text

from infra.bus.letter import DeadLetter
from infra.cli.letters import Fields, printable

Send = Callable[[DeadLetter], Awaitable[str | None]]
"""Sends a letter back, or only thinks of it; the answer is why it does not go."""


class Outcome(StrEnum):
    """What became of a letter."""

    SENT = "sent"
    WOULD_GO = "would go"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """One letter's outcome, without the letter."""

    position: str
    job_id: str | None
    outcome: Outcome
    why: str | None
    """Why it was refused."""


@dataclass
class Report:
    """What became of all letters so far, also when the rest could not be done."""

    is_dry: bool
    results: list[Result] = field(default_factory=list)
    gone: int = 0
    """Letters that went, or would go."""
    refused: int = 0

    @property
    def summary(self) -> str:
        """In one line."""
        return f"{self.gone} {self._going}, {self.refused} refused"

    def add(self, letter: DeadLetter, why: str | None) -> None:
        """A letter was dealt with."""
        if why is None:
            self.gone += 1
        else:
            self.refused += 1
        outcome = self._going if why is None else Outcome.REFUSED
        self.results.append(Result(str(letter.place), letter.job_id, outcome, why))

    def as_fields(self) -> Fields:
        """As an object of JSON."""
        letters = [
            {"position": one.position, "job_id": one.job_id, "outcome": one.outcome, "why": one.why}
            for one in self.results
        ]
        return {"dry_run": self.is_dry, "gone": self.gone, "refused": self.refused, "letters": letters}

    def as_table(self) -> Table:
        """One row for each letter."""
        table = Table("position", "job", "outcome", "why", box=None, pad_edge=False)
        for one in self.results:
            table.add_row(
                Text(one.position), printable(one.job_id or ""), one.outcome, printable(one.why or "")
            )
        return table

    @property
    def _going(self) -> Outcome:
        return Outcome.WOULD_GO if self.is_dry else Outcome.SENT


async def send_back(
    letters: AsyncIterator[DeadLetter], send: Send, report: Report, most: int, watch: Callable[[], None]
) -> None:
    """Deal with letters until so many have gone; `watch` is called after each. Raises what `send` raises."""
    async for letter in letters:
        report.add(letter, await send(letter))
        watch()
        if report.gone >= most:
            return
