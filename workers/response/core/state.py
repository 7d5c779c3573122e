"""A response as it stands, and what is decided of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.errors import ErrorDetail
from contracts.responses.plan import Called, ResponsePlan, TurnOutcome, TurnPlan
from contracts.tools.spec import ToolResult

JsonObject = dict[str, Any]  # OpenAI's items, open by nature

ENDED = frozenset({"completed", "failed", "incomplete", "cancelled"})
"""States that are the last."""


@dataclass(frozen=True)
class TurnEnd:
    """How a model turn ended: with an outcome, or why not."""

    outcome: TurnOutcome | None = None
    error: ErrorDetail | None = None


@dataclass(frozen=True)
class CallEnd:
    """How a call of a tool ended: with a result, or why not."""

    result: ToolResult | None = None
    error: str | None = None


@dataclass(frozen=True)
class Step:
    """A step of the turn that is in hand."""

    number: int
    job_id: str
    deadline: datetime
    is_running: bool
    called: Called | None = None
    """Of a call; None: it is the turn itself."""
    end: TurnEnd | CallEnd | None = None
    """What is known of its job's end."""


@dataclass(frozen=True)
class State:
    """What a decision needs to know."""

    response_id: str
    status: str
    plan: ResponsePlan
    deadline: datetime
    turn: int
    """Turns that were begun."""
    outputs: int
    """Output items that are written."""
    calls: int
    """Calls of our tools that were begun."""
    steps: Sequence[Step] = ()
    """Those of the last turn."""
    usage: JsonObject | None = None
    is_cancelled: bool = False
    is_background: bool = False


@dataclass(frozen=True)
class Snapshot:
    """An event that carries the whole object, as it is after the step."""

    kind: str
    """Such as `response.completed`."""
    status: str
    """The object's."""


@dataclass(frozen=True)
class Done:
    """An output item as it is now, and what the model is told of it."""

    output_index: int
    item: JsonObject
    said: JsonObject | None = None


@dataclass
class Decision:
    """What a step changes, and what it sends."""

    frames: list[JsonObject | Snapshot | TurnPlan] = field(default_factory=list)
    """Events, and turns whose events belong between them."""
    status: str | None = None
    error: JsonObject | None = None
    incomplete_reason: str | None = None
    usage: JsonObject | None = None
    new_items: list[Done] = field(default_factory=list)
    changed_items: list[Done] = field(default_factory=list)
    ended_steps: dict[int, str] = field(default_factory=dict)
    """Steps that end now, and as what: their numbers and states."""
    begun_turn: TurnPlan | None = None
    begun_calls: list[Called] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    """Jobs that nobody needs any more."""

    @property
    def is_last(self) -> bool:
        """Whether the response has ended with it."""
        return self.status in ENDED

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.frames or self.status or self.ended_steps)


def added_usage(usage: JsonObject | None, outcome: TurnOutcome) -> JsonObject | None:
    """The usage of a response with that of one more turn."""
    more = outcome.usage
    if more is None:
        return usage
    known: Mapping[str, Any] = usage or {}
    inputs = known.get("input_tokens", 0) + more.input_tokens
    outputs = known.get("output_tokens", 0) + more.output_tokens
    cached = known.get("input_tokens_details", {}).get("cached_tokens", 0) + more.cached_tokens
    thought = known.get("output_tokens_details", {}).get("reasoning_tokens", 0) + more.reasoning_tokens
    return {
        "input_tokens": inputs,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": outputs,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": inputs + outputs,
    }
