"""What Anthropic tells of an answer's end: its reason, and what was used."""

from workers.completion.core.ending import count_in
from workers.completion.core.jsontext import JsonObject

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
PROMPT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic counts what was cached apart; OpenAI's prompt is all of it."""


def finish_reason(stop: object) -> str | None:
    """OpenAI's name of a reason; one that is not known here passes as it is."""
    return REASONS.get(stop, stop) if isinstance(stop, str) else None


def usage_of(told: object) -> JsonObject | None:
    """OpenAI's usage for Anthropic's; None where it counts nothing."""
    if not isinstance(told, dict) or not isinstance(told.get("output_tokens"), int):
        return None
    prompt, written = sum(count_in(told, name) for name in PROMPT), count_in(told, "output_tokens")
    thought = count_in(told.get("output_tokens_details"), "thinking_tokens")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": count_in(told, "cache_read_input_tokens")},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
