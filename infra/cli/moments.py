"""Moments as one says them on a command line."""

import re
from datetime import UTC, datetime, timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)


def moment(text: str) -> datetime:
    """`2026-05-01T12:00` (UTC where no zone is said), or a time ago: `90s`, `30m`, `2h`, `3d`.

    Raises BadParameter.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no moment: say 2026-05-01T12:00, 30m or 3d") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
