"""The whole answer, folded from the payloads of its chunks, or read from the one that it is."""

from collections.abc import Sequence
from typing import Any

from workers.completion.core.jsontext import JsonObject, read_object

TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
"""Pieces of a delta that add up to a text."""
KEPT = ("model", "created", "system_fingerprint", "service_tier", "usage", "timings")


def whole_of(payloads: Sequence[bytes], public_id: str) -> JsonObject:
    """The completion that these payloads, which are our own, came to. Raises ValueError for none."""
    chunks = [read_object(payload) for payload in payloads]
    if not chunks:
        raise ValueError("an answer without payloads")
    if any("message" in choice for choice in chunks[0].get("choices", ())):
        return cleaned(chunks[0])
    return cleaned(_folded(chunks, public_id))


def cleaned(value: JsonObject) -> JsonObject:
    """An object that every database takes: half characters joined where their halves meet, else replaced, and
    no U+0000."""
    return {_clean(name): _clean(one) for name, one in value.items()}


def _folded(chunks: Sequence[JsonObject], public_id: str) -> JsonObject:
    whole: JsonObject = {"id": public_id, "object": "chat.completion", "created": 0, "model": ""}
    choices: dict[int, JsonObject] = {}
    for chunk in chunks:
        whole |= {name: chunk[name] for name in KEPT if chunk.get(name) is not None}
        for choice in chunk.get("choices") or ():
            _fold(choices.setdefault(choice.get("index", 0), _begun(choice)), choice)
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def _begun(choice: JsonObject) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": None, "refusal": None}
    return {"index": choice.get("index", 0), "message": message, "finish_reason": None, "logprobs": None}


def _fold(whole: JsonObject, choice: JsonObject) -> None:
    delta, message = choice.get("delta") or {}, whole["message"]
    for name in TEXTS:
        piece = delta.get(name)
        if isinstance(piece, str):
            message[name] = (message.get(name) or "") + piece
    for call in delta.get("tool_calls") or ():
        _fold_call(message.setdefault("tool_calls", []), call)
    whole["finish_reason"] = choice.get("finish_reason") or whole["finish_reason"]
    if isinstance(choice.get("logprobs"), dict):
        whole["logprobs"] = _with_logprobs(whole["logprobs"] or {}, choice["logprobs"])


def _fold_call(calls: list[JsonObject], piece: JsonObject) -> None:
    """Add a piece of a call to the call of its index; one without an index begins or goes on by its id."""
    index = piece.get("index")
    if index is None:
        known = [call["index"] for call in calls if piece.get("id") in (None, call.get("id"))]
        index = known[-1] if known else len(calls)
    call = next((one for one in calls if one["index"] == index), None)
    if call is None:
        call = {"index": index, "id": None, "type": "function"}
        calls.append(call)
    for name, value in piece.items():
        if isinstance(value, dict):
            _fold_said(call.setdefault(name, {}), value)
        elif value is not None and name != "index":
            call[name] = value


def _fold_said(said: JsonObject, piece: JsonObject) -> None:
    """Arguments come in pieces, a name comes once."""
    for name, value in piece.items():
        is_piece = name in ("arguments", "input") and isinstance(value, str)
        said[name] = (said.get(name) or "") + value if is_piece else value or said.get(name, value)


def _with_logprobs(whole: JsonObject, piece: JsonObject) -> JsonObject:
    names = [*whole, *(name for name in piece if name not in whole)]
    return {name: [*(whole.get(name) or ()), *(piece.get(name) or ())] for name in names}


def _clean(value: Any) -> Any:  # JSON
    if isinstance(value, str):
        return value if value.isascii() and "\0" not in value else _joined(value)
    if isinstance(value, dict):
        return cleaned(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return value


def _joined(text: str) -> str:
    halves = text.encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
