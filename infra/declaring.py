"""Files in which an operator declares things: a YAML list of entries, with texts of the environment in them.

    servers:
      - name: tickets
        url: https://tickets.example/mcp
        headers: {Authorization: "Bearer ${TICKETS_TOKEN}"}

`${NAME}` stands for a variable of the environment, which must be set; `${NAME:-text}` has a text for when it
is not.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
MOST_BYTES = 1024 * 1024

EntryT = TypeVar("EntryT", bound=BaseModel)


class BadDeclaration(Exception):
    """The file declares nothing. The message names the file, the entry and the field, and no secret."""


def entries_of(path: Path, key: str, model: type[EntryT], environment: Mapping[str, str]) -> list[EntryT]:
    """What a file declares below its one key; each has a name of its own. Raises BadDeclaration."""
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > MOST_BYTES:
            raise BadDeclaration(f"{path}: larger than {MOST_BYTES:,} bytes")
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadDeclaration(f"{path}: {_first_line(error)}") from error
    if not isinstance(content, dict) or content.keys() != {key}:
        raise BadDeclaration(f"{path}: must hold `{key}:` and nothing else")
    entries = content[key]
    if not isinstance(entries, list):
        raise BadDeclaration(f"{path}: {key} must be a list")
    declared = [
        _entry(f"{path}: entry {number}", entry, model, environment)
        for number, entry in enumerate(entries, 1)
    ]
    names = [entry.get("name") for entry in entries]
    if len(set(names)) != len(names):
        raise BadDeclaration(f"{path}: two entries have the same name")
    return declared


def reason_of(error: ValidationError) -> str:
    """What is wrong, with the field and without its value."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]


def _entry(where: str, entry: object, model: type[EntryT], environment: Mapping[str, str]) -> EntryT:
    if not isinstance(entry, dict):
        raise BadDeclaration(f"{where}: must be a mapping")
    named = f"{where} ({entry['name']})" if isinstance(entry.get("name"), str) else where
    try:
        return model.model_validate({key: _filled(value, environment) for key, value in entry.items()})
    except KeyError as error:
        raise BadDeclaration(f"{named}: {error.args[0]} is not set in the environment") from error
    except ValidationError as error:
        raise BadDeclaration(f"{named}: {reason_of(error)}") from error


def _filled(value: Any, environment: Mapping[str, str]) -> Any:  # a part of a YAML document
    """A value with the environment's texts in it. Raises KeyError for a variable that is not set."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _variable(found, environment), value)
    if isinstance(value, dict):
        return {key: _filled(one, environment) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, environment) for one in value]
    return value


def _variable(found: re.Match[str], environment: Mapping[str, str]) -> str:
    name, otherwise = found.groups()
    if environment.get(name):
        return environment[name]
    if otherwise is None:
        raise KeyError(name)
    return str(otherwise)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
