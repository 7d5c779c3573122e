"""How a response stands, read in the transaction that decides what is next."""

from collections.abc import Sequence
from typing import Protocol

from contracts.errors import ErrorDetail
from contracts.events import Failure
from contracts.frames import FrameKind, payload_of
from contracts.jobs import ResponseEnvelope
from contracts.responses.plan import Called, ResponsePlan, TurnOutcome
from contracts.tools.spec import ToolResult
from infra.database import Transaction
from infra.relay.standing import Standing
from infra.store.response_steps import RUNNING, TOOL, ResponseStepRow, steps_of_turn
from infra.store.responses import ResponseRow
from infra.store.tool_calls import ToolCallRow, calls_of_jobs
from workers.response.core.state import CallEnd, State, Step, TurnEnd

TOO_LARGE = "Its result is too large to be told"


class Looks(Protocol):
    """The relay, as ends are looked up there."""

    async def look(self, job_id: str) -> Standing:
        """What Redis knows of a job. Raises RelayDown."""


async def state_of(session: Transaction, row: ResponseRow, looks: Looks, *, is_cancelled: bool) -> State:
    """How it stands. Raises RelayDown."""
    rows = await steps_of_turn(session, row.response_id, row.turn - 1)
    envelope = ResponseEnvelope.model_validate(row.envelope)
    return State(
        response_id=row.response_id,
        status=row.status,
        plan=ResponsePlan.model_validate(row.plan),
        deadline=envelope.deadline,
        turn=row.turn,
        outputs=row.outputs,
        calls=row.calls,
        steps=await _steps(session, rows, looks),
        usage=row.usage,
        is_cancelled=is_cancelled,
        is_background=row.is_background,
    )


async def _steps(session: Transaction, rows: Sequence[ResponseStepRow], looks: Looks) -> list[Step]:
    running = [row.job_id for row in rows if row.status == RUNNING and row.kind == TOOL]
    calls = await calls_of_jobs(session, running) if running else {}
    return [await _step(row, calls.get(row.job_id), looks) for row in rows]


async def _step(row: ResponseStepRow, call: ToolCallRow | None, looks: Looks) -> Step:
    called = Called.model_validate(row.about) if row.kind == TOOL else None
    end: TurnEnd | CallEnd | None
    if called is None:
        end = await _turn_end(row, looks)
    else:
        end = await _call_end(row, call, looks)
    return Step(row.number, row.job_id, row.deadline, row.status == RUNNING, called, end)


async def _turn_end(row: ResponseStepRow, looks: Looks) -> TurnEnd | None:
    if row.outcome is not None:
        return TurnEnd(TurnOutcome.model_validate(row.outcome))
    last = await _last(row, looks)
    if last is None:
        return None
    return TurnEnd(error=last)


async def _call_end(row: ResponseStepRow, call: ToolCallRow | None, looks: Looks) -> CallEnd | None:
    if call is not None and call.ended_at is not None:
        if call.result is not None:
            return CallEnd(ToolResult.model_validate(call.result))
        return CallEnd(error=call.error or TOO_LARGE)
    last = await _last(row, looks)
    return None if last is None else CallEnd(error=last.message)


async def _last(row: ResponseStepRow, looks: Looks) -> ErrorDetail | None:
    """What a job failed with, as its log tells; None while it may run, or where that is not known."""
    if row.status != RUNNING:
        return None
    last = (await looks.look(row.job_id)).last
    if not last or last[0] != FrameKind.ERROR:
        return None
    return Failure.model_validate_json(payload_of(last))
