"""The provider's request body, made of the client's."""

from typing import Any

from workers.completion.core.jsontext import JsonObject, write

OURS = frozenset({"conversation"})
"""Fields of Jan's own that no provider knows."""


def upstream_body(body: JsonObject, *, model: str) -> bytes:
    """The body as the provider gets it: its own name of the model, and everything else as it was sent.

    A stream always asks for the usage, unless the client said itself whether it wants it.
    """
    sent = {name: value for name, value in body.items() if name not in OURS}
    sent["model"] = model
    if sent.get("stream") is True and _asked_usage(body) is None:
        sent["stream_options"] = (body.get("stream_options") or {}) | {"include_usage": True}
    return write(sent)


def wants_usage(body: JsonObject) -> bool:
    """Whether the client asked for the usage in its stream."""
    return _asked_usage(body) is True


def choices_of(body: JsonObject) -> int:
    """How many answers the client asked for."""
    asked = body.get("n")
    return (asked if isinstance(asked, int) and asked else 1) * _prompts(body.get("prompt"))


def _prompts(prompt: object) -> int:
    """How many prompts a legacy request has: a list of numbers is one, as tokens."""
    is_list = isinstance(prompt, list) and not all(isinstance(one, int) for one in prompt)
    return len(prompt) if is_list and isinstance(prompt, list) else 1


def _asked_usage(body: JsonObject) -> Any:  # whatever a client may have put there
    options = body.get("stream_options")
    return options.get("include_usage") if isinstance(options, dict) else None
