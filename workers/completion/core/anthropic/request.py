"""The body of a Messages request, made of that of a chat completion.

TRANSLATED   has a counterpart
LEFT_OUT     changes nothing of what is answered, or only how fast and how often the same
everything else that is set, and not as it is by default, is refused: nothing that matters is dropped
"""

from workers.completion.core.anthropic.saying import invalid, unsupported
from workers.completion.core.anthropic.thinking import budget_of, thinking_fields, wanted_effort
from workers.completion.core.anthropic.tools import tool_fields
from workers.completion.core.anthropic.turns import conversation_of, is_unthought
from workers.completion.core.jsontext import JsonObject

DEFAULT_MAX_TOKENS = 4_096
"""Anthropic has to be told how long an answer may be."""
SAME = ("temperature", "top_p", "top_k")
"""Passed on: what of it a model refuses, it says itself."""
TRANSLATED = frozenset(
    {
        *SAME,
        *("model", "messages", "stream", "max_tokens", "max_completion_tokens", "stop", "user"),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format"),
        *("reasoning_effort", "enable_thinking", "thinking"),
    }
)
LEFT_OUT = frozenset(
    {
        *("service_tier", "store", "metadata", "seed", "stream_options", "prediction", "conversation"),
        *("safety_identifier", "prompt_cache_key", "prompt_cache_retention", "cache_prompt"),
    }
)
DEFAULTS: dict[str, object] = {
    "n": 1,
    "logprobs": False,
    "top_logprobs": 0,
    "logit_bias": {},
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "repetition_penalty": 1,
    "min_p": 0,
    "modalities": ["text"],
    "functions": [],
    "function_call": "none",
    "verbosity": "medium",
    "echo": False,
}
"""What clients send that want nothing by it."""


def messages_body(body: JsonObject, most: int | None = None) -> JsonObject:
    """The request for Anthropic. `most`: tokens that the model can write at all, where that is known.

    Raises ApiError for what it cannot be asked.
    """
    _refuse_unknown(body)
    system, turns = conversation_of(body.get("messages"))
    model, effort = str(body.get("model")), wanted_effort(body)
    max_tokens = _max_tokens(body, most, budget_of(effort, model))
    sent: JsonObject = {"model": model, "max_tokens": max_tokens, "messages": turns}
    if system:
        sent["system"] = system
    sent |= tool_fields(body) | _plain_fields(body)
    thinking = thinking_fields(effort, model, max_tokens, unthought=is_unthought(turns))
    if body.get("thinking") is not None:
        thinking = {"thinking": body["thinking"]}
    output = thinking.pop("output_config", {}) | _output_format(body)
    return sent | thinking | ({"output_config": output} if output else {})


def _refuse_unknown(body: JsonObject) -> None:
    for name, value in body.items():
        is_known = name in TRANSLATED or name in LEFT_OUT
        if is_known or value is None or (name in DEFAULTS and value == DEFAULTS[name]):
            continue
        raise unsupported(name, f"`{name}`")


def _max_tokens(body: JsonObject, most: int | None, budget: int) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        asked = body.get(name)
        if asked is not None:
            if not isinstance(asked, int):
                raise invalid(name, f"`{name}` is a number of tokens.")
            return asked
    return most or DEFAULT_MAX_TOKENS + budget


def _plain_fields(body: JsonObject) -> JsonObject:
    fields = {name: body[name] for name in SAME if body.get(name) is not None}
    stop = body.get("stop")
    if stop:
        fields["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if body.get("user"):
        fields["metadata"] = {"user_id": body["user"]}
    if body.get("stream") is True:
        fields["stream"] = True
    return fields


def _output_format(body: JsonObject) -> JsonObject:
    match body.get("response_format"):
        case None | {"type": "text"}:
            return {}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return {"format": {"type": "json_schema", "schema": schema}}
        case {"type": "json_schema"}:
            raise invalid("response_format", "A response format of the type json_schema has a schema.")
        case _:
            raise unsupported("response_format", "other response formats than text and json_schema")
