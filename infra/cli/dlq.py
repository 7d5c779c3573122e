"""`jan dlq`: dead letters, looked at and sent back to their topics.

Exit codes: 0 done, 1 it could not be done, 2 wrong words on the command line, 4 some letters were refused.
"""

import asyncio
import getpass
import json
import socket
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from contracts.headers import DeadReason
from infra.bus.dead import Wanted, dead_topics, letter_at, newest_letters, read_letters
from infra.bus.errors import BusError
from infra.bus.letter import DeadLetter, Place, place_of
from infra.bus.producer import open_producer
from infra.cli.addresses import stack_database, stack_kafka
from infra.cli.letters import Fields, Redriven, as_fields, as_whole, letter_page, letter_table
from infra.cli.moments import moment
from infra.cli.redriving import Report, send_back
from infra.database import DatabaseUnavailable, open_database
from infra.embedded.server import StackError
from infra.redrive import MAX_REDRIVES, Redriver
from infra.store.redrives import redrives_among

REFUSED = 4
UNKNOWN = "The database does not answer: which letters were sent back is unknown."

app = typer.Typer(help="Dead letters: records that no attempt could finish.", no_args_is_help=True)

Position = Annotated[str, typer.Argument(help="Its position, as `jan dlq list` shows it.")]
Positions = Annotated[list[str] | None, typer.Argument(help="Positions of letters; or use filters.")]
OfTopic = Annotated[str | None, typer.Option("--topic", help="Of this topic, or of its dead letters.")]
OfReason = Annotated[DeadReason | None, typer.Option("--reason", help="That died of this.")]
OfJob = Annotated[str | None, typer.Option("--job", help="Of this job.")]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="Of this tenant.")]
Since = Annotated[
    datetime | None, typer.Option(parser=moment, help="From then on: 2026-05-01T12:00, or 90m, 2h, 3d ago.")
]
Until = Annotated[datetime | None, typer.Option(parser=moment, help="Before then.")]
WithText = Annotated[str | None, typer.Option("--error", help="With this in their error.")]
Newest = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Only the newest so many.")]
AtMost = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Send so many back at most.")]
Everything = Annotated[bool, typer.Option("--all", help="Every letter there is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")]
Force = Annotated[bool, typer.Option("--force", help="Also what went before, or goes in circles.")]
MaxRedrives = Annotated[int, typer.Option(min=1, help="Refuse what came back so often already.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Watch = Callable[[], None]


@dataclass(frozen=True)
class Guard:
    """What is refused."""

    max_redrives: int
    force: bool


@app.command("list")
def list_letters(  # noqa: PLR0913  the options of a command
    *,
    topic: OfTopic = None,
    reason: OfReason = None,
    job: OfJob = None,
    tenant: OfTenant = None,
    since: Since = None,
    until: Until = None,
    error: WithText = None,
    limit: Newest = 50,
    as_json: AsJson = False,
) -> None:
    """Show dead letters, the newest last."""
    wanted = _checked(Wanted(topic, reason, job, tenant, since, until, error))
    with _reachable():
        letters, redriven = asyncio.run(_newest(wanted, limit))
    if as_json:
        _print_json({"letters": [as_fields(one, redriven.get(one.place.key)) for one in letters]})
    elif letters:
        Console().print(letter_table(letters, redriven))
    else:
        Console().print("No dead letters.")


@app.command()
def show(position: Position, *, as_json: AsJson = False) -> None:
    """Show one dead letter with its record."""
    place = _place(position)
    with _reachable():
        letter, redriven = asyncio.run(_one(place))
    row = redriven.get(place.key)
    if as_json:
        _print_json(as_whole(letter, row))
    else:
        Console().print(letter_page(letter, row), highlight=False)


@app.command()
def redrive(  # noqa: PLR0913  the options of a command
    positions: Positions = None,
    *,
    topic: OfTopic = None,
    reason: OfReason = None,
    job: OfJob = None,
    tenant: OfTenant = None,
    since: Since = None,
    until: Until = None,
    error: WithText = None,
    everything: Everything = False,
    limit: AtMost = 1_000,
    max_redrives: MaxRedrives = MAX_REDRIVES,
    dry_run: DryRun = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to their topics: each once, and none in circles."""
    wanted = _checked(Wanted(topic, reason, job, tenant, since, until, error))
    places = [_place(position) for position in positions or ()]
    _need_a_choice(places, wanted, everything=everything)
    report = Report(dry_run)
    try:
        with _reachable(), _progress(report, hidden=as_json) as watch:
            letters = _named(places) if places else read_letters(stack_kafka(), wanted)
            asyncio.run(_redrive(letters, report, limit, Guard(max_redrives, force), watch))
    finally:
        _show(report, as_json=as_json)
    if report.refused:
        raise typer.Exit(REFUSED)


def _checked(wanted: Wanted) -> Wanted:
    if not wanted.topics():
        names = ", ".join(topic.name for topic in dead_topics())
        raise typer.BadParameter(f"no dead letters are kept of {wanted.topic!r}; there are {names}")
    return wanted


def _place(position: str) -> Place:
    place = place_of(position)
    if place is None:
        raise typer.BadParameter(f"{position!r} is no position such as jobs.completion.flex.dead.v1/0/17")
    return place


def _need_a_choice(places: Sequence[Place], wanted: Wanted, *, everything: bool) -> None:
    """Which letters are meant must be said, and in one way."""
    ways = [bool(places), not wanted.is_everything, everything]
    if not any(ways):
        raise typer.BadParameter("name positions, give a filter, or say --all")
    if sum(ways) > 1:
        raise typer.BadParameter("positions, filters and --all are three ways: choose one")


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (BusError, DatabaseUnavailable) as error:
        raise StackError(f"{error}; `jan up` starts the local servers") from error


async def _newest(wanted: Wanted, most: int) -> tuple[list[DeadLetter], Redriven]:
    letters = await newest_letters(stack_kafka(), wanted, most)
    return letters, await _sent_back([letter.place for letter in letters])


async def _one(place: Place) -> tuple[DeadLetter, Redriven]:
    return await _letter(place), await _sent_back([place])


async def _letter(place: Place) -> DeadLetter:
    letter = await letter_at(stack_kafka(), place)
    if letter is None:
        raise StackError(f"there is no letter at {place}")
    return letter


async def _sent_back(places: Sequence[Place]) -> Redriven:
    """Letters can be looked at without the database, too."""
    try:
        async with open_database(stack_database()) as database, database.begin() as session:
            return await redrives_among(session, [place.key for place in places])
    except DatabaseUnavailable:
        Console(stderr=True).print(UNKNOWN, style="yellow")
        return {}


async def _redrive(
    letters: AsyncGenerator[DeadLetter, None], report: Report, most: int, guard: Guard, watch: Watch
) -> None:
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    async with (
        open_producer(stack_kafka()) as producer,
        open_database(stack_database()) as database,
        aclosing(letters),
    ):
        redriver = Redriver(producer, database, by, most=guard.max_redrives, force=guard.force)
        await send_back(
            letters, redriver.objection if report.is_dry else redriver.redrive, report, most, watch
        )


async def _named(places: Sequence[Place]) -> AsyncGenerator[DeadLetter, None]:
    """The letters at these places, all of which must be there before the first one goes."""
    letters = [await _letter(place) for place in places]
    for letter in letters:
        yield letter


@contextmanager
def _progress(report: Report, *, hidden: bool) -> Iterator[Watch]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    quiet = hidden or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task(report.summary)
        yield lambda: progress.update(task, description=report.summary)


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        _print_json(report.as_fields())
        return
    console = Console()
    if report.results:
        console.print(report.as_table())
    console.print(report.summary)


def _print_json(fields: Fields) -> None:
    typer.echo(json.dumps(fields, indent=2))
