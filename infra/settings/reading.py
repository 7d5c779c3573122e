"""Reads the settings of a process at its start, and ends it in plain words when they won't do."""

import sys

from pydantic import ValidationError

from infra.settings.production import unfit
from infra.settings.whole import Settings


def read_settings(room: str) -> Settings:
    """The settings of a room, fit for its environment. Raises SystemExit naming all that is wrong at once."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = [_sentence(one["loc"], one["msg"]) for one in error.errors(include_input=False)]
        sys.exit(_refusal(room, wrong))
    if wrong := unfit(settings, room):
        sys.exit(_refusal(room, wrong))
    return settings


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(part) for part in location)
    return f"{where}: {message}" if where else message


def _refusal(room: str, wrong: list[str]) -> str:
    return "\n".join([f"{room} does not start with these settings:", *(f"- {one}" for one in wrong)])
