"""Named moments at which a test may kill, stop, break or delay a process: random kills miss the narrow ones.

    JAN_ENVIRONMENT=test JAN_FAILPOINTS=closed=kill@3,claimed=sleep:5@1

says: end by SIGKILL when the third log is closed, and stand still for 5 s at the first claim. Without a plan,
a moment costs one look at an empty mapping. Settings refuse a plan in any environment but `test`.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_SLEEP = 600.0
"""Seconds; longer is a slip of the pen, or not a number."""


class Moment(StrEnum):
    """A step of one job after which a process may die. M0 to M9 are their names in the fault matrix."""

    REQUESTED = "requested"
    """M0, edge: the request is read and checked, nothing is written."""
    KEY_HELD = "key_held"
    """M1, edge: the row of its Idempotency-Key is committed, nothing is produced."""
    PRODUCED = "produced"
    """M2, edge: the job is durable, nothing is answered."""
    PUT = "put"
    """Edge: a file lies in the store, its job is not produced."""
    CLAIMED = "claimed"
    """M3, worker: an attempt is begun, the provider is not asked."""
    ASKED = "asked"
    """M4, worker: the provider answers, nothing is sent to the relay."""
    SPOKEN = "spoken"
    """M5, worker: a chunk was handed to the relay; the n-th hit is the n-th chunk."""
    SEEN = "seen"
    """Worker: a file was looked at, or a tool was called, and nothing is recorded of it."""
    KEPT = "kept"
    """Worker: the turn of a conversation, or the record of media or of a call, is committed, its end is not
    told."""
    ANSWERED = "answered"
    """M6, worker: the provider has answered, the log is not closed."""
    CLOSED = "closed"
    """M7, worker: the terminal frame stands in the log, no event tells of it."""
    TOLD = "told"
    """M8, worker: the terminal event is durable, the job is not settled."""
    STEPPED = "stepped"
    """Response worker: a step is committed, nothing of it is sent."""
    SENT = "sent"
    """Response worker: what a step sends is sent, its outbox is not emptied."""
    DONE = "done"
    """M9, worker: nothing is left to do, the record is not committed."""


class Injected(Exception):
    """The failure that the action `raise` brings about: one that nobody foresaw."""


class PlanError(ValueError):
    """A plan that cannot be read; the message says which part of it."""


@dataclass(frozen=True)
class Plan:
    """What happens at a moment."""

    action: str
    """kill, stop, raise or sleep."""
    hit: int = 1
    """The time at which it happens, counted from 1; it happens once in a process."""
    seconds: float = 0.0
    """How long it sleeps."""


class Failpoints:
    """The moments at which this process is to fail. One value for each process, handed to who hits them."""

    def __init__(
        self, plans: Mapping[Moment, Plan] | None = None, act: Callable[[Plan, Moment], None] | None = None
    ) -> None:
        self._plans = dict(plans or {})
        self._hits = dict.fromkeys(self._plans, 0)
        self._act = act or perform

    @property
    def are_armed(self) -> bool:
        """Whether anything is planned."""
        return bool(self._plans)

    def hit(self, moment: Moment) -> None:
        """The moment has come. Raises Injected where that is planned."""
        if not self._plans or moment not in self._plans:
            return
        plan = self._plans[moment]
        self._hits[moment] += 1
        if self._hits[moment] == plan.hit:
            self._act(plan, moment)


def planned(text: str) -> Failpoints:
    """The failpoints of a plan, `moment=action@n[,...]`; `@n` may be left out. Raises PlanError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return Failpoints(dict(map(_entry, parts)))


def perform(plan: Plan, moment: Moment) -> None:
    """Do to this process what is planned. Sleeping blocks the loop: to others the process stands still."""
    match plan.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "sleep":
            time.sleep(plan.seconds)
        case _:
            raise Injected(f"failpoint {moment.value}")


def _entry(part: str) -> tuple[Moment, Plan]:
    name, equals, rest = part.partition("=")
    words, at, number = rest.partition("@")
    action, colon, seconds = words.partition(":")
    try:
        moment, hit = Moment(name), int(number) if at else 1
        pause = float(seconds) if colon else 0.0
    except ValueError as error:
        raise PlanError(f"failpoint {part!r}: {error}") from error
    known = action == "sleep" if colon else action in {"kill", "stop", "raise"}
    if not (equals and known and hit > 0 and 0 <= pause <= MAX_SLEEP):
        message = f"failpoint {part!r} is not moment=action@n with kill, stop, raise or sleep:seconds"
        raise PlanError(message)
    return moment, Plan(action, hit, pause)
