"""Checks a whole answer and gives it our id and tier; everything else stays as the provider said it."""

from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject, write
from workers.completion.core.outcome import Outcome, text, told_usage


def whole_answer(body: bytes, public_id: str, tier: str) -> tuple[bytes, Outcome]:
    """Our answer and what it came to. Raises ApiError when the body is an error or no completion."""
    answer = _read_answer(body)
    choices = answer["choices"]
    outcome = Outcome(
        model=text(answer.get("model")),
        finish_reason=text(choices[0].get("finish_reason")),
        usage=told_usage(answer.get("usage")),
    )
    answer["id"] = public_id
    answer["service_tier"] = tier
    return write(answer), outcome


def _read_answer(body: bytes) -> JsonObject:
    answer = read_said(body)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise bad_answer("The provider's answer has no choices.")
    return answer
