"""`jan ledger`: how far the events are folded, and folding them once more."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from contracts.topics import EVENTS
from contracts.wire.jobs import JobState
from infra.bus.errors import BusError
from infra.bus.tail import Borders, borders_of
from infra.cli.addresses import stack_database, stack_environment, stack_kafka
from infra.database import DatabaseUnavailable, open_database
from infra.embedded.server import StackError
from infra.settings import inherited_environment
from infra.store.jobs import lane_counts, positions_of

OPEN_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.POSTPONED)

app = typer.Typer(help="The ledger: what the events of all jobs add up to.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Counts = dict[str, dict[JobState, int]]


@dataclass(frozen=True)
class Place:
    """How far one partition is folded."""

    partition: int
    folded: int
    end: int
    lag: int


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show how far each partition of the events is folded, and the jobs that have not ended."""
    try:
        places, counts = asyncio.run(_status())
    except (BusError, DatabaseUnavailable) as error:
        raise StackError(f"{error}; `jan up` starts the local servers") from error
    lag = sum(place.lag for place in places)
    if as_json:
        partitions = [vars(place) for place in places]
        typer.echo(json.dumps({"lag": lag, "partitions": partitions, "open_jobs": counts}, indent=2))
        return
    console = Console()
    console.print(_places(places))
    console.print(f"\n{lag:,} events wait to be folded.\n")
    console.print(_lanes(counts) if counts else "Every job has ended.")


@app.command()
def rebuild() -> None:
    """Fold all events once more into the same rows; ledger workers may go on meanwhile.

    Jobs that are older than the beginning of the topic keep their rows.
    """
    command = (sys.executable, "-m", "workers.ledger.rebuild")
    ended = subprocess.run(command, env=inherited_environment() | stack_environment(), check=False)  # noqa: S603
    raise typer.Exit(ended.returncode)


async def _status() -> tuple[list[Place], Counts]:
    borders = await borders_of(stack_kafka(), EVENTS)
    async with open_database(stack_database()) as database, database.begin() as session:
        positions = await positions_of(session, EVENTS.name)
        counts = await lane_counts(session)
    return [_place(at, borders[at], positions.get(at, 0)) for at in sorted(borders)], counts


def _place(partition: int, borders: Borders, position: int) -> Place:
    """A position behind the end is one of a topic that was made anew since: all of it waits."""
    folded = position if borders.first <= position <= borders.end else borders.first
    return Place(partition, folded, borders.end, borders.end - folded)


def _places(places: list[Place]) -> Table:
    table = Table("partition", "folded up to", "end", "lag", box=None, pad_edge=False)
    for place in places:
        table.add_row(str(place.partition), str(place.folded), str(place.end), str(place.lag))
    return table


def _lanes(counts: Counts) -> Table:
    table = Table("lane", *OPEN_STATES, box=None, pad_edge=False)
    for lane, states in sorted(counts.items()):
        table.add_row(lane, *(str(states.get(state, 0)) for state in OPEN_STATES))
    return table
