"""What to do for a job: whom to ask, and with what; or nobody, as lost attempts left all of an answer, or
what nobody can go on with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.events import Ending, Usage
from workers.completion.core.continuation import Complete, Continue, Lost, gone_on
from workers.completion.core.jsontext import JsonObject
from workers.completion.core.port import Candidate

Cost = Callable[[Usage], int | None]
"""What a usage costs, in millionths of a US dollar; None where no price is known."""


@dataclass(frozen=True)
class Plan:
    """Whom to ask, and with what."""

    steps: Sequence[tuple[Candidate, Continue]]


def planned(
    delivered: Sequence[bytes], body: JsonObject, candidates: Sequence[Candidate]
) -> Plan | Complete | Lost:
    """Ask them all; or go on with the chunks that lost attempts delivered, with whom that can be done."""
    if not delivered:
        return Plan([(candidate, Continue(body)) for candidate in candidates])
    plans = {
        prefill: gone_on(delivered, body, prefill)
        for prefill in dict.fromkeys(candidate.prefill for candidate in candidates)
    }
    steps = [
        (candidate, plan)
        for candidate in candidates
        if isinstance(plan := plans[candidate.prefill], Continue)
    ]
    if steps:
        return Plan(steps)
    match plans[candidates[0].prefill]:
        case Complete(ending, chunks):
            return Complete(billed(ending, candidates), chunks)
        case Lost(usage):
            return Lost(priced(usage, candidates[0].cost))
        case Continue():
            raise AssertionError("somebody can go on")


def priced(usage: Usage | None, cost: Cost) -> Usage | None:
    """A usage with what it costs."""
    return None if usage is None else usage.model_copy(update={"micro_usd": cost(usage)})


def billed(ending: Ending, candidates: Sequence[Candidate]) -> Ending:
    """An end of which nobody tells any more who answered, at the price of who is asked first."""
    told = {"provider": _only(candidates), "usage": priced(ending.usage, candidates[0].cost)}
    return ending.model_copy(update=told)


def _only(candidates: Sequence[Candidate]) -> str | None:
    """Who must have answered; None where it may have been one of several."""
    names = {candidate.provider for candidate in candidates}
    return names.pop() if len(names) == 1 else None
