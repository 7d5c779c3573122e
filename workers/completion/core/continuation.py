"""What becomes of a stream whose worker was lost in the midst of it.

    every choice had its finish reason     Complete: only the end is missing
    as many tokens as were asked for       Complete: the finish reason and the end
    nothing was visible yet                Continue: asked anew, unseen
    text, and the provider takes prefill   Continue: asked with the text as the assistant's, not yet whole
    text of a legacy completion            Continue: asked with the text behind the prompt
    everything else                        Lost

The text of a tool call, of reasoning or of a JSON schema cannot be gone on with: what constrains it would
begin anew. How a provider takes the assistant's text:

    llama.cpp   the last message is the assistant's: its turn stays open, and a stream brings new text alone
                (github.com/ggml-org/llama.cpp/pull/13174); two such messages are refused, so they become one
    vllm        the same with `continue_final_message` and without `add_generation_prompt`

`stop` and `seed` are passed on as they are: a stop sequence across the seam is not seen, and a seed gives
what it gives for the longer prompt. Whether the text goes on as it would have is the provider's matter: it
splits the text into tokens anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.events import Ending, Usage
from workers.completion.core.jsontext import JsonObject, read_object, write
from workers.completion.core.request import choices_of
from workers.completion.core.shown import Shown, shown_by

Prefill = Literal["none", "llama.cpp", "vllm"]
LIMITS = ("max_tokens", "max_completion_tokens")
AT_LIMIT = "length"
PARTS = frozenset({"choices", "usage", "x_seq", "timings"})
"""What is of one chunk alone; the rest is the same in each."""
CONSTRAINTS = frozenset(
    {
        "grammar",
        "json_schema",
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
        "structured_outputs",
    }
)
"""Fields of llama.cpp and vLLM that give the text a form."""


@dataclass(frozen=True)
class Continue:
    """Ask the provider with this body; `shown` is what its answer goes on from, where something is."""

    body: JsonObject
    shown: Shown | None = None


@dataclass(frozen=True)
class Complete:
    """The answer is there, but for its end."""

    ending: Ending
    chunks: tuple[bytes, ...] = ()
    """Payloads that are sent before it."""


@dataclass(frozen=True)
class Lost:
    """It cannot be gone on with; so much was used."""

    usage: Usage | None


def gone_on(payloads: Sequence[bytes], body: JsonObject, prefill: Prefill) -> Continue | Complete | Lost:
    """What to do after these chunks of an answer to this body."""
    shown = shown_by(payloads)
    choices = choices_of(body)
    if shown.ended(choices):
        reason = shown.finish.get(0) or next(iter(shown.finish.values()))
        return Complete(Ending(model=shown.model, finish_reason=reason, usage=shown.usage))
    if any(shown.finish.values()):
        return Lost(shown.usage)
    if choices == 1 and _is_at_limit(body, shown.tokens):
        ending = Ending(model=shown.model, finish_reason=AT_LIMIT, usage=shown.usage)
        return Complete(ending, (_finish(payloads[-1]),))
    return _rest(shown, body, choices, prefill)


def _rest(shown: Shown, body: JsonObject, choices: int, prefill: Prefill) -> Continue | Lost:
    if not shown.tokens:
        return Continue(body, shown)
    if choices > 1 or not shown.is_only_text or _is_constrained(body):
        return Lost(shown.usage)
    if "messages" not in body:
        return _prompted(body, shown, prefill)
    messages = _messages(body, shown.text, prefill)
    if messages is None:
        return Lost(shown.usage)
    return Continue(_prefilled(body, messages, shown.tokens, prefill), shown)


def _prompted(body: JsonObject, shown: Shown, prefill: Prefill) -> Continue | Lost:
    """A legacy completion goes on behind its prompt and its text, whoever the provider is; but where a number
    of the provider's own limits it, nobody can say what is left of that. llama.cpp has none."""
    prompt = body.get("prompt")
    is_bounded = prefill == "llama.cpp" or isinstance(body.get("max_tokens"), int)
    has_more = any(body.get(name) is not None for name in ("suffix", "logprobs"))
    if not isinstance(prompt, str) or has_more or not is_bounded:
        return Lost(shown.usage)
    return Continue(body | {"prompt": prompt + shown.text} | _limits(body, shown.tokens), shown)


def _is_at_limit(body: JsonObject, tokens: int) -> bool:
    """Whether no further token was asked for. A chunk is a token at least, so none is missing; with `echo`,
    the first ones are of the prompt."""
    return not body.get("echo") and any(
        isinstance(body.get(name), int) and tokens >= body[name] > 0 for name in LIMITS
    )


def _finish(last: bytes) -> bytes:
    """The chunk that the provider would have sent behind this one."""
    chunk = read_object(last)
    has_text = any("text" in choice for choice in chunk["choices"])
    nothing: JsonObject = {"text": ""} if has_text else {"delta": {}}
    choice = nothing | {"index": 0, "finish_reason": AT_LIMIT}
    told = {name: chunk[name] for name in chunk if name not in PARTS}
    return write(told | {"choices": [choice], "x_seq": chunk["x_seq"] + 1})


def _is_constrained(body: JsonObject) -> bool:
    form = body.get("response_format")
    has_form = isinstance(form, dict) and form.get("type", "text") != "text"
    must_call = body.get("tool_choice") not in (None, "auto", "none")
    return has_form or must_call or bool(body.get("echo")) or any(body.get(name) for name in CONSTRAINTS)


def _messages(body: JsonObject, text: str, prefill: Prefill) -> list[JsonObject] | None:
    """The messages with the text as the assistant's last; None where that cannot be said."""
    messages: list[JsonObject] = list(body["messages"])
    last = messages[-1]
    if last.get("role") == "assistant" and _is_open(body, prefill):
        begun = last.get("content")
        if not isinstance(begun, str) or last.get("tool_calls"):
            return None
        messages[-1] = last | {"content": begun + text}
    else:
        messages.append({"role": "assistant", "content": text})
    return None if prefill == "none" else messages


def _is_open(body: JsonObject, prefill: Prefill) -> bool:
    """Whether the caller's own last message was gone on with already."""
    return prefill == "llama.cpp" or body.get("continue_final_message") is True


def _prefilled(body: JsonObject, messages: list[JsonObject], tokens: int, prefill: Prefill) -> JsonObject:
    goes_on = {"continue_final_message": True, "add_generation_prompt": False} if prefill == "vllm" else {}
    return body | {"messages": messages} | _limits(body, tokens) | goes_on


def _limits(body: JsonObject, tokens: int) -> JsonObject:
    """What is left of what was asked for."""
    return {name: max(body[name] - tokens, 1) for name in LIMITS if isinstance(body.get(name), int)}
