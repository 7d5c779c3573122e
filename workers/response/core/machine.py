"""The state machine: what follows from how a response stands.

    asked for ─▶ turn ─▶ calls of our tools, side by side ─▶ turn ─▶ ... ─▶ completed
                  │                                            └─ too deep, too long: incomplete
                  ├─ calls of the client's tools, or a question for approval: completed, the client goes on
                  └─ the model failed, or time is over: failed

It looks at how things stand, not at who said so: any word makes it look, and a word that comes twice finds
nothing to do.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.ids import derived_ulid
from contracts.responses import events
from contracts.responses.plan import Called, OfferKind, TurnOutcome, TurnPlan
from workers.response.core.calls import approved_item, begun_events, finished, list_item, stopped, unknown
from workers.response.core.state import (
    ENDED,
    CallEnd,
    Decision,
    Done,
    JsonObject,
    Snapshot,
    State,
    Step,
    TurnEnd,
    added_usage,
)

GRACE = timedelta(seconds=30)
"""Beyond a call's own time, for its job to be taken and its end to be told."""
LATE = "It did not end in time"
REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why an answer is incomplete, by the chat's finish reason."""
TOO_DEEP = "max_turns"
"""Why a response is incomplete whose model would have gone on; OpenAI has no word for it."""
CLIENTS = frozenset({OfferKind.FUNCTION})
LIMITED = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.PROVIDER_RATE_LIMITED, ErrorCode.BUDGET_EXCEEDED})
CHARACTERS_PER_TOKEN = 4


def advance(state: State, now: datetime) -> Decision:
    """What is to be done now; nothing, where nothing has changed."""
    if state.status in ENDED:
        return Decision()
    if state.is_cancelled:
        return _stopped(state, "cancelled")
    if now >= state.deadline:
        return failed(state, _TIME_OVER)
    return _begun(state) if state.status == "queued" else _went_on(state, now)


def _went_on(state: State, now: datetime) -> Decision:
    """After a step: a turn, or calls."""
    running = [step for step in state.steps if step.is_running]
    turn = next((step for step in running if step.called is None), None)
    if turn is not None:
        return _after_turn(state, turn)
    return _after_calls(state, running, now)


def turn_plan(state: State, number: int, first_output: int, calls: int) -> TurnPlan:
    """The plan of a turn, the same whoever makes it."""
    plan = state.plan
    return TurnPlan(
        response_id=state.response_id,
        number=number,
        job_id=derived_ulid(_ulid(state.response_id), f"turn {number}"),
        first_output=first_output,
        offered=plan.offered,
        is_prompted=plan.is_prompted,
        calls_left=None if plan.max_calls is None else max(0, plan.max_calls - calls),
    )


def call_job_id(response_id: str, called: Called) -> str:
    """The job that does a call: always the same, so that it is done once."""
    return derived_ulid(_ulid(response_id), f"call {called.output_index}")


def _begun(state: State) -> Decision:
    decision = Decision(status="in_progress")
    if state.is_background:
        decision.frames += [Snapshot("response.created", "queued"), Snapshot("response.queued", "queued")]
    else:
        decision.frames.append(Snapshot("response.created", "in_progress"))
    decision.frames.append(Snapshot("response.in_progress", "in_progress"))
    for at, listed in enumerate(state.plan.lists):
        item = list_item(_ulid(state.response_id), at, listed)
        decision.new_items.append(Done(at, item))
        decision.frames += [
            events.item_added(at, item | {"tools": []}),
            events.call_event("mcp_list_tools", "in_progress", at, item["id"]),
            events.call_event("mcp_list_tools", "completed", at, item["id"]),
            events.item_done(at, item),
        ]
    for called in state.plan.approved:
        item = approved_item(called)
        decision.new_items.append(Done(called.output_index, item))
        decision.frames += [
            events.item_added(called.output_index, item),
            events.call_event("mcp_call", "in_progress", called.output_index, called.item_id),
        ]
    decision.begun_calls = list(state.plan.approved)
    if not decision.begun_calls:
        _begin_turn(decision, state, len(decision.new_items), 0)
    return decision


def _begin_turn(decision: Decision, state: State, first_output: int, calls: int) -> None:
    plan = turn_plan(state, state.turn, first_output, calls)
    decision.begun_turn = plan
    decision.frames.append(plan)


def _after_turn(state: State, step: Step) -> Decision:
    end = step.end
    if not isinstance(end, TurnEnd):
        return Decision()
    if end.outcome is None:
        decision = failed(state, end.error or _UNKNOWN)
        decision.ended_steps[step.number] = "failed"
        return decision
    return _with_outcome(state, step, end.outcome)


def _with_outcome(state: State, step: Step, outcome: TurnOutcome) -> Decision:
    decision = Decision(usage=added_usage(state.usage, outcome))
    decision.ended_steps[step.number] = "completed"
    first = state.outputs
    decision.new_items = [Done(first + at, item) for at, item in enumerate(outcome.items)]
    missing = [called for called in outcome.calls if called.offered is None]
    for at, called in enumerate(missing, first + len(outcome.items)):
        done = unknown(called, at)
        decision.new_items.append(done)
        decision.frames += [events.item_added(at, done.item), events.item_done(at, done.item)]
    calls = [called for called in outcome.calls if _is_ours(called)]
    if calls:
        for called in calls:
            decision.frames += begun_events(called)
        decision.begun_calls = calls
        return decision
    _go_on(decision, state, outcome, len(decision.new_items), state.calls)
    return decision


def _after_calls(state: State, running: Sequence[Step], now: datetime) -> Decision:
    decision = Decision()
    outcome = _outcome(state)
    left = 0
    for step in running:
        end = step.end
        if end is None and now >= step.deadline + GRACE:
            end = CallEnd(error=LATE)
            decision.stopped.append(step.job_id)
        if not isinstance(end, CallEnd) or step.called is None:
            left += 1
            continue
        done, told = finished(step.called, _item(outcome, step.called), end, state.plan.include)
        decision.changed_items.append(done)
        decision.frames += told
        is_good = end.result is not None and not end.result.is_error
        decision.ended_steps[step.number] = "completed" if is_good else "failed"
    if not decision.ended_steps or left:
        return decision
    if outcome is None:
        _begin_turn(decision, state, state.outputs, state.calls)
    else:
        _go_on(decision, state, outcome, 0, state.calls)
    return decision


def _go_on(decision: Decision, state: State, outcome: TurnOutcome, new: int, calls: int) -> None:
    """After a turn and its calls: another turn, or the end."""
    reason = REASONS.get(outcome.finish_reason or "")
    if reason is not None and not outcome.calls:
        _end(decision, "incomplete", reason=reason)
    elif _is_clients_turn(outcome) or not _wants_more(outcome):
        _end(decision, "completed")
    elif state.turn >= state.plan.max_turns:
        _end(decision, "incomplete", reason=TOO_DEEP)
    elif _has_said_all(state, decision):
        _end(decision, "incomplete", reason=REASONS["length"])
    else:
        _begin_turn(decision, state, state.outputs + new, calls)


def _has_said_all(state: State, decision: Decision) -> bool:
    """Whether the turns have answered with all the tokens that the response may have."""
    most = state.plan.chat.get("max_tokens")
    usage = decision.usage or state.usage or {}
    return isinstance(most, int) and usage.get("output_tokens", 0) >= most


def _end(decision: Decision, status: str, *, reason: str | None = None) -> None:
    decision.status = status
    decision.incomplete_reason = reason
    decision.frames.append(Snapshot(f"response.{status}", status))


def _stopped(state: State, status: str) -> Decision:
    """An end from outside: whatever runs is stopped."""
    decision = Decision(usage=state.usage)
    for step in state.steps:
        if step.is_running:
            decision.ended_steps[step.number] = "cancelled"
            decision.stopped.append(step.job_id)
            if step.called is not None:
                decision.changed_items.append(stopped(step.called, _item(_outcome(state), step.called)))
    if state.status == "queued":
        decision.frames.append(Snapshot("response.created", "in_progress"))
    _end(decision, status)
    return decision


def failed(state: State, error: ErrorDetail) -> Decision:
    """The end of a response that cannot go on; nothing, where it has ended."""
    if state.status in ENDED:
        return Decision()
    decision = _stopped(state, "failed")
    decision.error = {"code": _public_code(error), "message": error.message}
    return decision


def refused(decision: Decision, error: ErrorDetail) -> Decision:
    """The same, but the turn that would begin is not made: the response has failed, with all that it has."""
    decision.begun_turn = None
    decision.frames = [one for one in decision.frames if not isinstance(one, TurnPlan)]
    decision.error = {"code": _public_code(error), "message": error.message}
    _end(decision, "failed")
    return decision


def expected_prompt(state: State, decision: Decision) -> int:
    """About how many tokens the next turn is asked with: those of the last one with its answer, and the
    results that came in with this step. 0 before the first."""
    outcome = _outcome(state)
    if outcome is None or outcome.usage is None:
        return 0
    results = sum(len(str((done.said or {}).get("output", ""))) for done in decision.changed_items)
    return outcome.usage.input_tokens + outcome.usage.output_tokens + results // CHARACTERS_PER_TOKEN


def _public_code(error: ErrorDetail) -> str:
    """OpenAI's codes of a response's error, as far as ours are among them."""
    if error.code in LIMITED:
        return "rate_limit_exceeded"
    if error.type == "invalid_request_error":
        return "invalid_prompt"
    return "server_error"


def _outcome(state: State) -> TurnOutcome | None:
    """What the turn in hand came to; None before the first turn."""
    for step in state.steps:
        if step.called is None and isinstance(step.end, TurnEnd) and step.end.outcome is not None:
            return step.end.outcome
    return None


def _item(outcome: TurnOutcome | None, called: Called) -> JsonObject:
    """The item of a call, as it was when the call went out."""
    if outcome is None:
        return approved_item(called)
    return next(item for item in outcome.items if item["id"] == called.item_id)


def _is_ours(called: Called) -> bool:
    offered = called.offered
    return offered is not None and offered.kind not in CLIENTS and not offered.needs_approval


def _is_clients_turn(outcome: TurnOutcome) -> bool:
    """Whether the client is to do something: run a function, or allow a call."""
    offers = [called.offered for called in outcome.calls if called.offered is not None]
    return any(offered.kind in CLIENTS or offered.needs_approval for offered in offers)


def _wants_more(outcome: TurnOutcome) -> bool:
    """Whether the model waits for results."""
    return bool(outcome.calls)


def _ulid(response_id: str) -> str:
    return response_id.rpartition("_")[2]


_TIME_OVER = ApiError(ErrorCode.DEADLINE_EXCEEDED, "The response was not done in time").detail
_UNKNOWN = ApiError(ErrorCode.INTERNAL, "The model turn failed").detail
