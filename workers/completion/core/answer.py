"""Checks a whole answer and gives it our id and tier; everything else stays as the provider said it.

Embeddings stay as they are.
"""

from contracts.events import Ending
from contracts.jobs import Endpoint
from workers.completion.core.ending import ending_told
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject, write


def whole_answer(
    body: bytes,
    public_id: str,
    tier: str,
    endpoint: Endpoint = Endpoint.CHAT,
    told: JsonObject | None = None,
) -> tuple[bytes, Ending]:
    """Our answer to what was asked of this endpoint, with what it tells beside it, and what it came to.

    Raises ApiError when the body is an error, or not what was asked for.
    """
    answer = _read_answer(body, endpoint)
    ending = ending_told(answer)
    if (
        endpoint is Endpoint.EMBEDDINGS
    ):  # nothing of ours is in it, and to write millions of numbers takes long
        return body, ending
    answer["id"] = public_id
    answer["service_tier"] = tier
    answer.update(told or {})
    return write(answer), ending


def _read_answer(body: bytes, endpoint: Endpoint) -> JsonObject:
    answer = read_said(body)
    if endpoint is Endpoint.EMBEDDINGS:
        return _checked_vectors(answer)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise bad_answer("The provider's answer has no choices.")
    return answer


def _checked_vectors(answer: JsonObject) -> JsonObject:
    data = answer.get("data")
    if not isinstance(data, list) or not data:
        raise bad_answer("The provider's answer has no embeddings.")
    if not all(isinstance(one, dict) and isinstance(one.get("embedding"), list | str) for one in data):
        raise bad_answer("The provider sent an embedding that is none.")
    return answer
