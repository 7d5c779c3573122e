"""What a request will use, before anybody knows.

A prompt counts as a token for every four bytes, inline media left out, and a fixed number for each of these;
the answer as what the request allows it, or the configured number, for each choice.
"""

from typing import Any

from contracts.wire.chat import ChatCompletionRequest
from infra.limits.gate import Estimate, Expected

BYTES_PER_TOKEN = 4
MEDIA_TOKENS = 765
"""Of an image in high detail, 1024 pixels square (OpenAI's guide to vision)."""
MOST = 2**40
"""No request is taken for more: what a client writes has no bounds."""
_MEDIA = ("image_url", "input_audio", "file")

JsonObject = dict[str, Any]  # the provider's contract, open by nature


def expected_of_text(model: str, size: int, answer_tokens: int | None = None, choices: int = 1) -> Expected:
    """Of a request with so many bytes of text."""
    return Expected(model, size // BYTES_PER_TOKEN + 1, answer_tokens, choices)


def expected_of_chat(wanted: ChatCompletionRequest, size: int) -> Expected:
    """Of a chat completion whose body has so many bytes."""
    answer = wanted.max_completion_tokens or wanted.max_tokens or None
    return Expected(wanted.model, _prompt(wanted, size), answer, wanted.n or 1)


def estimate(expected: Expected, job_id: str, *, answer_tokens: int, seconds: float) -> Estimate:
    """What a job with so many seconds is taken to use, of which `answer_tokens` where it sets no limit."""
    allowed = expected.answer_tokens
    answer = answer_tokens if allowed is None or allowed < 0 else allowed
    choices = max(1, expected.choices)
    prompt = min(expected.prompt_tokens, MOST)
    return Estimate(job_id, expected.model, prompt, min(answer * choices, MOST), seconds)


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
