"""JSON by a schema that another server gave: nothing is fetched, and no pattern takes long (RE2)."""

from collections.abc import Iterator
from typing import Any

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

LONGEST = 300
"""Characters of what is told."""
NESTED = "patternProperties"
"""Its patterns are matched by `re` alone: a schema with it is left to its server to check."""


def mistake(schema: dict[str, Any], value: Any) -> str | None:  # JSON
    """What is wrong with a value, in a few words; None: nothing that can be told here."""
    if NESTED in str(schema):
        return None
    try:
        error = best_match(_Checker(schema, registry=Registry()).iter_errors(value))
    except (Unresolvable, SchemaError, re2.error, RecursionError, TypeError, ValueError):
        return None
    if error is None:
        return None
    place = ".".join(str(part) for part in error.absolute_path)
    return f"{place}: {error.message}"[:LONGEST] if place else error.message[:LONGEST]


def _pattern(
    _: Any, pattern: str, value: Any, __: Any
) -> Iterator[ValidationError]:  # jsonschema's own shape
    if isinstance(value, str) and not re2.search(pattern, value):
        yield ValidationError(f"it does not match {pattern!r}")


_extended: Any = extend  # it has no types
_Checker: Any = _extended(Draft202012Validator, {"pattern": _pattern})
