"""Dead letters on a terminal, and as JSON for programs."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.bus.letter import DeadLetter
from infra.store.redrives import RedriveRow

Fields = dict[str, Any]
"""An object of JSON."""
SHOWN_ERROR = 120
"""Characters of an error in a list; `jan dlq show` has the whole."""

Redriven = Mapping[tuple[str, int, int], RedriveRow]
"""Letters that were sent back, by their places."""


def as_fields(letter: DeadLetter, row: RedriveRow | None) -> Fields:
    """What is told of a letter, without its record."""
    return {
        "position": str(letter.place),
        "at": letter.at.isoformat(),
        "reason": letter.reason,
        "error": letter.error,
        "attempts": letter.attempts,
        "origin": None if letter.origin is None else str(letter.origin),
        "worker": letter.worker,
        "trace_id": letter.trace_id,
        "job_id": letter.job_id,
        "tenant": letter.tenant,
        "redrive": letter.redrive,
        "size": letter.size,
        "sent_back": None
        if row is None
        else {"at": row.at.isoformat(), "by": row.by, "redrive": row.redrive},
    }


def as_whole(letter: DeadLetter, row: RedriveRow | None) -> Fields:
    """A letter with its record: the value as JSON where it is, else as text, else in base 64."""
    record = letter.record
    key = None if record.key is None else record.key.decode(errors="backslashreplace")
    return as_fields(letter, row) | {"key": key, "headers": dict(record.headers)} | _value(record.value)


def letter_table(letters: Sequence[DeadLetter], redriven: Redriven) -> Table:
    """One row for each letter."""
    table = Table(
        "position", "at", "reason", "attempts", "job", "sent back", "error", box=None, pad_edge=False
    )
    for letter in letters:
        row = redriven.get(letter.place.key)
        table.add_row(
            Text(str(letter.place)),
            f"{letter.at:%m-%d %H:%M:%S}",
            printable(letter.reason),
            str(letter.attempts),
            printable(letter.job_id or ""),
            f"{row.at:%m-%d %H:%M:%S}" if row else "",
            printable(letter.error[:SHOWN_ERROR]),
        )
    return table


def letter_page(letter: DeadLetter, row: RedriveRow | None) -> RenderableType:
    """Everything about one letter: what it tells, its headers, its value."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, field in as_fields(letter, row).items():
        table.add_row(Text(name, style="bold"), printable(_told(field)))
    for name, text in letter.record.headers.items():
        table.add_row(printable(name), printable(text))
    (value,) = _value(letter.record.value).values()
    shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return Group(table, printable(shown))


def printable(text: str) -> Text:
    """Text of strangers: no markup is read in it, and what would steer a terminal is written out."""
    return Text(
        "".join(letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in text)
    )


def _told(field: object) -> str:
    match field:
        case None:
            return ""
        case dict():
            return ", ".join(f"{name} {value}" for name, value in field.items())
        case _:
            return str(field)


def _value(value: bytes) -> Fields:
    try:
        return {"value": from_json(value, allow_inf_nan=False)}
    except ValueError:
        pass
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode()
