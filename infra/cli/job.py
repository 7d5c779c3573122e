"""`jan job`: what the ledger knows of a job."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from contracts.ids import job_id_of, response_id
from contracts.wire.jobs import JobState, JobView, TimelineEntry
from infra.cli.addresses import stack_database
from infra.cli.letters import printable
from infra.cli.step_tree import step_tree
from infra.database import DatabaseUnavailable, open_database
from infra.embedded.server import StackError
from infra.store.jobs import StoredJob, job_of, queue_position

COLORS = {JobState.FINISHED: "green", JobState.FAILED: "red", JobState.CANCELLED: "yellow"}

app = typer.Typer(help="Jobs, as the ledger knows them.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="Its id, with its prefix (chatcmpl-..., resp_...) or without.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def jobs() -> None:
    """Jobs, as the ledger knows them."""


@app.command()
def show(job: JobId, *, as_json: AsJson = False) -> None:
    """Show a job: its state, its numbers, and all that happened to it; of a response, each step of it."""
    job_id = job_id_of(job)
    if job_id is None:
        raise typer.BadParameter(f"{job!r} is no id of a job")
    try:
        stored, steps = asyncio.run(_find(job_id))
    except DatabaseUnavailable as error:
        raise StackError(f"{error}; `jan up` starts the local servers") from error
    if stored is None:
        raise StackError(f"the ledger knows no job {job_id}; `jan ledger status` tells how far it is")
    if as_json:
        fields = {"tenant": stored.tenant, **stored.view.model_dump(mode="json")}
        typer.echo(json.dumps(fields, indent=2))
    else:
        Console().print(Group(_page(stored), *steps), highlight=False)


async def _find(job_id: str) -> tuple[StoredJob | None, Sequence[RenderableType]]:
    """The job, with its place in the queue while it waits in one; and of a response, its steps."""
    async with open_database(stack_database()) as database, database.begin() as session:
        stored = await job_of(session, job_id)
        if stored is not None and stored.view.state is JobState.QUEUED:
            stored.view.queue_position = await queue_position(session, stored.view.lane, job_id)
        is_response = stored is not None and stored.view.kind == "response"
        return stored, [await step_tree(session, response_id(job_id))] if is_response else []


def _page(stored: StoredJob) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, text in _numbers(stored).items():
        if text:
            table.add_row(Text(name, style="bold"), text)
    return Group(table, "", *_timeline(stored.view))


def _numbers(stored: StoredJob) -> dict[str, Text]:
    view = stored.view
    told = {
        "job": view.id,
        "tenant": stored.tenant,
        "kind": f"{view.kind}, lane {view.lane}",
        "model": view.model,
        "attempts": view.attempts,
        "ahead": view.queue_position,
        "request": view.request_id,
        "deadline": view.deadline and f"{view.deadline:%Y-%m-%d %H:%M:%S} UTC",
        "reason": view.finish_reason,
        "usage": _usage(view),
        "error": view.error and f"{view.error.code}: {view.error.message}",
    }
    state = {"state": Text(view.state.value, style=COLORS.get(view.state, "cyan"))}
    return state | {name: printable("" if text is None else str(text)) for name, text in told.items()}


def _usage(view: JobView) -> str | None:
    if view.usage is None:
        return None
    estimated = ", estimated" if view.usage.estimated else ""
    return f"{view.usage.input_tokens} tokens in, {view.usage.output_tokens} out{estimated}"


def _timeline(view: JobView) -> list[Text]:
    """Each event, with the seconds since the first."""
    return [_line(entry, view.timeline[0].at) for entry in view.timeline]


def _line(entry: TimelineEntry, first: datetime) -> Text:
    seconds = (entry.at - first).total_seconds()
    words = (
        f"attempt {entry.attempt}" if entry.attempt else "",
        f"by {entry.worker}" if entry.worker else "",
        entry.detail or "",
    )
    about = printable(", ".join(word for word in words if word))
    name = printable(entry.type.replace("_", " ").ljust(12))
    name.stylize("bold")
    return Text.assemble(name, (f"{seconds:10.3f} s  ", "dim"), about)
