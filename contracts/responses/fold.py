"""The fold of a model turn: the chunks of a chat become items of a response, and the events that tell them.

It is a function of the plan and the chunks alone. So the edge that shows them and the worker that keeps what
they came to see the same, and an edge that begins again at the first chunk tells the same events again.
"""

from typing import Any

from contracts.events import Usage
from contracts.ids import derived_ulid
from contracts.responses.calling import Call, Gathered, item_id
from contracts.responses.plan import JsonObject, Offered, OfferKind, TurnOutcome, TurnPlan
from contracts.responses.prompted import Step
from contracts.responses.speech import Message, Reasoning, logprobs_of
from contracts.responses.texts import cleaned, read_json

CUT = frozenset({"length", "content_filter"})
"""Finish reasons of an answer that is not whole."""
STEP = "step"
"""Stands for the index of a call that was written as JSON: no provider's is the same."""


class TurnFold:
    """One turn. Feed it every chunk, then end it."""

    def __init__(self, plan: TurnPlan) -> None:
        self._plan = plan
        self._offered = {offered.name: offered for offered in plan.offered}
        self._next = plan.first_output
        self._speech: Reasoning | Message | None = None
        """What grows now."""
        self._spoken: list[Reasoning | Message | Call] = []
        self._gathered: list[Gathered] = []
        self._call_ids: set[str] = set()
        self._calls_left = plan.calls_left
        self._step = Step() if plan.is_prompted and plan.offered else None
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._model: str | None = None

    def feed(self, chunk: bytes) -> list[JsonObject]:
        """The events of one chunk, by its payload."""
        told = read_json(chunk)
        if not isinstance(told, dict):
            return []
        self._usage = usage_of(told.get("usage")) or self._usage
        if isinstance(told.get("model"), str):
            self._model = cleaned(told["model"])
        choices = told.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                return self._choice(choice)
        return []

    def end(self) -> list[JsonObject]:
        """The events that end the turn: call it once, behind the last chunk."""
        told: list[JsonObject] = []
        if self._step is not None:
            told += self._ended_step(self._step)
        calls = [gathered.call for gathered in self._gathered if gathered.call is not None]
        if not calls and not any(isinstance(one, Message) for one in self._spoken):
            told += self._speak(Message)
        told += self._silence()
        for call in calls:
            told += call.end(is_cut=self._finish in CUT)
        return told

    def outcome(self) -> TurnOutcome:
        """What it came to, once it has ended."""
        calls = [one.called for one in self._spoken if isinstance(one, Call)]
        return TurnOutcome(
            items=tuple(one.item for one in self._spoken),
            calls=tuple(calls),
            usage=self._usage,
            finish_reason=self._finish,
            model=self._model,
            refusal=any(one.has_refusal for one in self._spoken if isinstance(one, Message)),
        )

    def _choice(self, choice: JsonObject) -> list[JsonObject]:
        if isinstance(choice.get("finish_reason"), str):
            self._finish = cleaned(choice["finish_reason"])
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return []
        events: list[JsonObject] = []
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str) and thought:
            events += [*self._speak(Reasoning), *self._reasoned(thought)]
        text = delta.get("content")
        if isinstance(text, str) and text:
            shown = text if self._step is None else self._step.feed(text)
            events += self._said("output_text", shown, logprobs_of(choice)) if shown else []
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            events += self._said("refusal", refusal, [])
        pieces = delta.get("tool_calls")
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                events += self._called(piece)
        return events

    def _reasoned(self, thought: str) -> list[JsonObject]:
        return self._speech.feed(thought) if isinstance(self._speech, Reasoning) else []

    def _said(self, kind: str, piece: str, logprobs: list[JsonObject]) -> list[JsonObject]:
        begun = self._speak(Message)
        return [
            *begun,
            *(self._speech.feed(kind, piece, logprobs) if isinstance(self._speech, Message) else []),
        ]

    def _speak(self, kind: type[Reasoning] | type[Message]) -> list[JsonObject]:
        """Let an item of this kind grow: the one that does, or a new one."""
        if isinstance(self._speech, kind):
            return []
        ended = self._silence()
        name = "reasoning" if kind is Reasoning else "message"
        self._speech = kind(self._next, item_id(self._plan, name, self._next))
        self._spoken.append(self._speech)
        self._next += 1
        return [*ended, *self._speech.begin()]

    def _silence(self) -> list[JsonObject]:
        """End what grows."""
        speech, self._speech = self._speech, None
        match speech:
            case Reasoning():
                return speech.end()
            case Message():
                return speech.end("incomplete" if self._finish in CUT else "completed")
            case None:
                return []

    def _called(self, piece: JsonObject) -> list[JsonObject]:
        gathered = self._gathered_of(piece)
        said = piece.get("function")
        function: JsonObject = said if isinstance(said, dict) else {}
        if isinstance(piece.get("id"), str):
            gathered.call_id = gathered.call_id or cleaned(piece["id"])
        if isinstance(function.get("name"), str):
            gathered.name = gathered.name or cleaned(function["name"])
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else ""
        if gathered.call is not None:
            return gathered.call.feed(text) if text else []
        gathered.waiting += text
        return self._begun(gathered) if gathered.name and not gathered.is_ignored else []

    def _begun(self, gathered: Gathered) -> list[JsonObject]:
        offered = self._offered.get(gathered.name)
        if not self._may_call(offered):
            gathered.is_ignored = True
            return []
        told = self._silence()
        gathered.call = Call(self._plan, self._next, self._call_id(gathered.call_id), gathered.name, offered)
        self._spoken.append(gathered.call)
        self._next += 1
        told += gathered.call.begin()
        return [*told, *gathered.call.feed(gathered.waiting)] if gathered.waiting else told

    def _may_call(self, offered: Offered | None) -> bool:
        """Whether `max_tool_calls` allows one more, which only calls of ours count against."""
        if offered is None or offered.kind is OfferKind.FUNCTION or self._calls_left is None:
            return True
        self._calls_left -= 1
        return self._calls_left >= 0

    def _call_id(self, told: str | None) -> str:
        """The provider's id, unless it gave none, or the same one twice."""
        made = f"call_{derived_ulid(self._plan.response_id.rpartition('_')[2], f'call id {self._next}')}"
        call_id = made if not told or told in self._call_ids else told
        self._call_ids.add(call_id)
        return call_id

    def _gathered_of(self, piece: JsonObject) -> Gathered:
        """The call of a piece; one without an index goes on with the last of its id, or begins by it."""
        index, told = piece.get("index"), piece.get("id")
        named = cleaned(told) if isinstance(told, str) else ""
        for gathered in reversed(self._gathered):
            is_same = named in ("", gathered.call_id) if index is None else gathered.index == index
            if is_same:
                return gathered
        self._gathered.append(Gathered(index))
        return self._gathered[-1]

    def _ended_step(self, step: Step) -> list[JsonObject]:
        """What a model without calls of its own came to."""
        rest = step.end()
        if rest:
            return self._said("output_text", rest, [])
        if step.call is None:
            return []
        name, arguments = step.call
        return self._called({"index": STEP, "function": {"name": name, "arguments": arguments}})


def usage_of(told: Any) -> Usage | None:  # whatever a provider tells
    """The usage in a chunk, or None where it counts nothing."""
    if not isinstance(told, dict) or not {"prompt_tokens", "completion_tokens"} & told.keys():
        return None
    return Usage(
        input_tokens=_count(told.get("prompt_tokens")),
        output_tokens=_count(told.get("completion_tokens")),
        cached_tokens=_detail(told, "prompt_tokens_details", "cached_tokens"),
        reasoning_tokens=_detail(told, "completion_tokens_details", "reasoning_tokens"),
    )


def _detail(told: JsonObject, name: str, field: str) -> int:
    details = told.get(name)
    return _count(details.get(field)) if isinstance(details, dict) else 0


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0
