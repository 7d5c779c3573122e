"""What an answer came to: the model that spoke, why it stopped, what it used."""

from contracts.events import Ending, Usage
from contracts.frames import FrameKind, payload_of
from workers.completion.core.jsontext import JsonObject, read_object, write


def ending_of(last: bytes) -> Ending:
    """What the last frame of a completion that ended well tells: a whole answer, or a stream's end."""
    payload = payload_of(last)
    if last[0] == FrameKind.RESULT:
        return ending_told(read_object(payload))
    return Ending.model_validate_json(payload) if payload else Ending()


def ending_told(answer: JsonObject) -> Ending:
    """The end that a whole answer tells; the reason is that of its first choice. Embeddings have none."""
    choices = answer.get("choices")
    return Ending(
        model=text(answer.get("model")),
        finish_reason=text(choices[0].get("finish_reason")) if choices else None,
        usage=told_usage(answer.get("usage")),
    )


def told_usage(usage: object) -> Usage | None:
    """A provider's `usage` object, or None where it counts nothing."""
    if not isinstance(usage, dict) or not _counts(usage, "prompt_tokens", "completion_tokens"):
        return None
    return Usage(
        input_tokens=count_in(usage, "prompt_tokens"),
        output_tokens=count_in(usage, "completion_tokens"),
        cached_tokens=count_in(usage.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=count_in(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )


def usage_payload(usage: Usage) -> bytes:
    """A usage as the last chunk of a stream tells it."""
    told = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
    return write({"choices": [], "usage": told})


def text(value: object) -> str | None:
    """A provider's value where a name belongs, or None when it is none."""
    return value if isinstance(value, str) else None


def count_in(numbers: object, name: str) -> int:
    """A number of tokens that a provider told; 0 where it is none."""
    value = numbers.get(name) if isinstance(numbers, dict) else None
    return max(value, 0) if isinstance(value, int) else 0


def _counts(usage: dict[str, object], *names: str) -> bool:
    return any(isinstance(usage.get(name), int) for name in names)
