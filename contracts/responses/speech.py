"""What a model says in a turn: its reasoning, and a message of texts and refusals."""

from math import isfinite

from contracts.responses import events
from contracts.responses.plan import JsonObject
from contracts.responses.texts import Pieces, cleaned


class Reasoning:
    """An item of reasoning that grows."""

    def __init__(self, output_index: int, item_id: str) -> None:
        self._at = (output_index, item_id)
        self._text = Pieces()

    def begin(self) -> list[JsonObject]:
        """It is there."""
        index, item_id = self._at
        return [
            events.item_added(index, self._item([], "in_progress")),
            events.part_added(index, item_id, 0, {"type": "reasoning_text", "text": ""}),
        ]

    def feed(self, piece: str) -> list[JsonObject]:
        """A piece more."""
        told = self._text.feed(piece)
        return [events.reasoning_delta(*self._at, 0, told)] if told else []

    def end(self) -> list[JsonObject]:
        """It is whole."""
        rest = self._text.end()
        part = {"type": "reasoning_text", "text": self._text.whole}
        return [
            *([events.reasoning_delta(*self._at, 0, rest)] if rest else []),
            events.reasoning_done(*self._at, 0, self._text.whole),
            events.part_done(*self._at, 0, part),
            events.item_done(self._at[0], self.item),
        ]

    @property
    def item(self) -> JsonObject:
        """The item, whole."""
        return self._item([{"type": "reasoning_text", "text": self._text.whole}], "completed")

    def _item(self, content: list[JsonObject], status: str) -> JsonObject:
        about = {"id": self._at[1], "type": "reasoning", "summary": [], "content": content}
        return about | {"encrypted_content": None, "status": status}


class Part:
    """A part of a message: a text, or a refusal."""

    def __init__(self, at: tuple[int, str, int], kind: str) -> None:
        self.kind = kind
        self._at = at
        self._text = Pieces()
        self._logprobs: list[JsonObject] = []

    def begin(self) -> list[JsonObject]:
        """It is there."""
        return [events.part_added(*self._at, self.part)]

    def feed(self, piece: str, logprobs: list[JsonObject]) -> list[JsonObject]:
        """A piece more."""
        self._logprobs += logprobs
        told = self._text.feed(piece)
        return [self._delta(told, logprobs)] if told else []

    def end(self) -> list[JsonObject]:
        """It is whole."""
        rest = self._text.end()
        done = (
            events.text_done(*self._at, self._text.whole, self._logprobs)
            if self.kind == "output_text"
            else events.refusal_done(*self._at, self._text.whole)
        )
        return [
            *([self._delta(rest, [])] if rest else []),
            done,
            events.part_done(*self._at, self.part),
        ]

    @property
    def part(self) -> JsonObject:
        """The part, as far as it is."""
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": self._text.whole}
        text = {"type": "output_text", "text": self._text.whole}
        return text | {"annotations": [], "logprobs": list(self._logprobs)}

    def _delta(self, told: str, logprobs: list[JsonObject]) -> JsonObject:
        if self.kind == "refusal":
            return events.refusal_delta(*self._at, told)
        return events.text_delta(*self._at, told, logprobs)


class Message:
    """A message that grows."""

    def __init__(self, output_index: int, item_id: str) -> None:
        self._at = (output_index, item_id)
        self._parts: list[Part] = []
        self._status = "completed"

    @property
    def has_refusal(self) -> bool:
        """Whether the model refused something."""
        return any(part.kind == "refusal" for part in self._parts)

    def begin(self) -> list[JsonObject]:
        """It is there."""
        return [events.item_added(self._at[0], self._item([], "in_progress"))]

    def feed(self, kind: str, piece: str, logprobs: list[JsonObject]) -> list[JsonObject]:
        """A piece more of a part of this kind."""
        told: list[JsonObject] = []
        if not self._parts or self._parts[-1].kind != kind:
            told += self._parts[-1].end() if self._parts else []
            self._parts.append(Part((*self._at, len(self._parts)), kind))
            told += self._parts[-1].begin()
        return [*told, *self._parts[-1].feed(piece, logprobs)]

    def end(self, status: str) -> list[JsonObject]:
        """It is whole, or cut."""
        self._status = status
        told = [] if self._parts else self.feed("output_text", "", [])
        told += self._parts[-1].end()
        return [*told, events.item_done(self._at[0], self.item)]

    @property
    def item(self) -> JsonObject:
        """The item, as it ended."""
        return self._item([part.part for part in self._parts], self._status)

    def _item(self, content: list[JsonObject], status: str) -> JsonObject:
        about = {"id": self._at[1], "type": "message", "role": "assistant", "status": status}
        return about | {"content": content}


def logprobs_of(choice: JsonObject) -> list[JsonObject]:
    """A chat's log probabilities in the shape of a response's."""
    told = choice.get("logprobs")
    content = told.get("content") if isinstance(told, dict) else None
    if not isinstance(content, list):
        return []
    return [_logprob(one) | {"top_logprobs": _top(one)} for one in content if isinstance(one, dict)]


def _top(one: JsonObject) -> list[JsonObject]:
    top = one.get("top_logprobs")
    return [_logprob(other) for other in top if isinstance(other, dict)] if isinstance(top, list) else []


def _logprob(one: JsonObject) -> JsonObject:
    token, logprob, units = one.get("token"), one.get("logprob"), one.get("bytes")
    is_number = type(logprob) in (int, float) and isfinite(logprob or 0)
    return {
        "token": cleaned(token) if isinstance(token, str) else "",
        "logprob": logprob if is_number else 0.0,
        "bytes": [unit for unit in units if type(unit) is int] if isinstance(units, list) else [],
    }
