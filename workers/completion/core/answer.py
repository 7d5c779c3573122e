"""Checks a whole answer and gives it our id and tier; everything else stays as the provider said it."""

from contracts.events import Ending
from workers.completion.core.ending import ending_told
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject, write


def whole_answer(body: bytes, public_id: str, tier: str) -> tuple[bytes, Ending]:
    """Our answer and what it came to. Raises ApiError when the body is an error or no completion."""
    answer = _read_answer(body)
    ending = ending_told(answer)
    answer["id"] = public_id
    answer["service_tier"] = tier
    return write(answer), ending


def _read_answer(body: bytes) -> JsonObject:
    answer = read_said(body)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise bad_answer("The provider's answer has no choices.")
    return answer
