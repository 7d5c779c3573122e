"""A caller's arguments become a value, or a sentence that says what is wrong with them."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

ArgumentsT = TypeVar("ArgumentsT", bound=BaseModel)
SHOWN = 3
"""Mistakes that are told at once."""


class BadArguments(ValueError):
    """What is wrong, in one sentence."""


def read_arguments(model: type[ArgumentsT], arguments: dict[str, Any]) -> ArgumentsT:
    """The arguments of a built-in tool. Raises BadArguments; what they hold is not repeated in it."""
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False, include_context=False)
        told = [f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in mistakes[:SHOWN]]
        more = f" (and {len(mistakes) - SHOWN} more)" if len(mistakes) > SHOWN else ""
        raise BadArguments(f"The arguments are not valid: {'; '.join(told)}{more}") from error
