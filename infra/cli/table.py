"""The stack's parts as a table: their progress, their health, and what took how long."""

import time
from collections.abc import Callable

from rich.table import Table
from rich.text import Text

from infra.embedded.state import PartState, Phase, StackState

COLORS = {
    Phase.READY: "green",
    Phase.DONE: "green",
    Phase.GIVEN: "cyan",
    Phase.FAILED: "red",
    Phase.RESTARTING: "yellow",
    Phase.STOPPED: "dim",
    Phase.WAITING: "dim",
}
Columns = dict[str, Callable[[PartState], str | Text]]


def phase_of(part: PartState) -> Text:
    """The phase in its color; a part that is ready but can't be used is said to be unhealthy."""
    if part.phase is Phase.READY and not part.healthy:
        return Text("unhealthy", style="red")
    return Text(part.phase, style=COLORS.get(part.phase, "yellow"))


def progress_table(state: StackState) -> Table:
    """How far each part is."""
    columns: Columns = {
        "part": lambda part: part.name,
        "phase": phase_of,
        "seconds": lambda part: seconds(part.start_seconds),
        "": lambda part: part.progress or part.address,
    }
    return table(state, columns)


def status_table(state: StackState) -> Table:
    """How each part is."""
    columns: Columns = {
        "part": lambda part: part.name,
        "phase": phase_of,
        "pid": lambda part: str(part.identity.pid) if part.identity else "",
        "uptime": uptime,
        "restarts": lambda part: str(part.restarts),
        "address": lambda part: part.address,
    }
    return table(state, columns)


def timings_table(state: StackState) -> Table:
    """What took how long."""
    columns: Columns = {
        "part": lambda part: part.name,
        "prepare": lambda part: seconds(part.prepare_seconds),
        "start": lambda part: seconds(part.start_seconds),
    }
    return table(state, columns)


def table(state: StackState, columns: Columns) -> Table:
    """One row for each part."""
    rows = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for part in state.parts.values():
        rows.add_row(*(cell(part) for cell in columns.values()))
    return rows


def seconds(value: float | None) -> str:
    """As `1.2 s`, or nothing."""
    return "" if value is None else f"{value:.1f} s"


def uptime(part: PartState) -> str:
    """Since when its process runs, as `2:05:07`."""
    if part.began is None or part.identity is None:
        return ""
    minutes, rest = divmod(int(time.time() - part.began), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
