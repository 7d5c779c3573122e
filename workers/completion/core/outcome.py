"""What an answer came to: the model that spoke, why it stopped, what it used."""

from dataclasses import dataclass

from contracts.events import Usage


@dataclass(frozen=True)
class Outcome:
    """The end of a good answer, as its Finished event tells it."""

    model: str | None
    """The model as the provider names it."""
    finish_reason: str | None
    """Of the first choice."""
    usage: Usage | None


def told_usage(usage: object) -> Usage | None:
    """A provider's `usage` object, or None where it counts nothing."""
    if not isinstance(usage, dict) or not _counts(usage, "prompt_tokens", "completion_tokens"):
        return None
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )


def text(value: object) -> str | None:
    """A provider's value where a name belongs, or None when it is none."""
    return value if isinstance(value, str) else None


def _counts(usage: dict[str, object], *names: str) -> bool:
    return any(isinstance(usage.get(name), int) for name in names)


def _count(numbers: object, name: str) -> int:
    value = numbers.get(name) if isinstance(numbers, dict) else None
    return max(value, 0) if isinstance(value, int) else 0
