"""What a chat completion will use, before anybody knows.

The prompt counts as a token for every four bytes of the body, inline media left out, and a fixed number for
each of these; the answer as what the request allows it, or the configured number, for each choice.
"""

from typing import Any

from contracts.wire.chat import ChatCompletionRequest
from infra.limits.gate import Estimate

BYTES_PER_TOKEN = 4
MEDIA_TOKENS = 765
"""Of an image in high detail, 1024 pixels square (OpenAI's guide to vision)."""
MOST = 2**40
"""No request is taken for more: what a client writes has no bounds."""
_MEDIA = ("image_url", "input_audio", "file")

JsonObject = dict[str, Any]  # the provider's contract, open by nature


def estimate(
    job_id: str, wanted: ChatCompletionRequest, size: int, *, answer_tokens: int, seconds: float
) -> Estimate:
    """Of a request whose body has so many bytes and whose job has so many seconds."""
    allowed = wanted.max_completion_tokens or wanted.max_tokens or 0
    answer = allowed if allowed > 0 else answer_tokens
    choices = max(1, wanted.n or 1)
    prompt = _prompt(wanted, size)
    return Estimate(job_id, wanted.model, min(prompt, MOST), min(answer * choices, MOST), seconds)


def _prompt(wanted: ChatCompletionRequest, size: int) -> int:
    media, inline = 0, 0
    for message in wanted.messages:
        if isinstance(message.content, list):
            for part in message.content:
                for name in _MEDIA:
                    if name in part:
                        media += 1
                        inline += _inline(part[name])
    return max(0, size - inline) // BYTES_PER_TOKEN + 1 + media * MEDIA_TOKENS


def _inline(value: object) -> int:
    """Bytes of a part's data, which are no text."""
    if isinstance(value, dict):
        return sum(len(data) for data in value.values() if isinstance(data, str))
    return len(value) if isinstance(value, str) else 0
