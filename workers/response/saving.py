"""Writes a decision down: the row, items and steps, and in the outbox what is to be sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json

from contracts.errors import ErrorDetail, ErrorType
from contracts.events import Cancelled, Claimed, Ending, Event, Failed, Finished
from contracts.frames import FrameKind, frame
from contracts.responses.objects import response_object
from contracts.responses.plan import Called, ResponsePlan, TurnPlan
from contracts.responses.shown import shown_item
from contracts.topics import EVENTS
from infra.database import Transaction
from infra.store.response_items import ResponseItemRow, items_of_response, keep_items, outputs_at
from infra.store.response_steps import TOOL, TURN, OutboxRow, ResponseStepRow, steps_of_turn
from infra.store.responses import ResponseRow
from workers.response.core.machine import GRACE, call_job_id
from workers.response.core.state import Decision, Done, JsonObject, Snapshot
from workers.response.jobs import Jobs

STOP = "-stop"
"""In the place of a topic: the job that `key` names is told to stop."""


class Saving:
    """One decision on its way into the database."""

    def __init__(self, session: Transaction, row: ResponseRow, now: datetime, worker: str) -> None:
        self._session = session
        self._row = row
        self._now = now
        self._worker = worker
        self._jobs = Jobs(row, now)
        self._plan = ResponsePlan.model_validate(row.plan)
        self.outbox: list[OutboxRow] = []

    async def save(self, decision: Decision) -> None:
        """All of it. What is to be sent stands in `outbox` then, too."""
        was_queued = self._row.status == "queued"
        await self._items(decision)
        await self._steps(decision)
        self._progress(decision)
        await self._frames(decision)
        if was_queued and not decision.is_last:
            self._event(
                Claimed(**self._about(), attempt=1, worker=self._worker, asked_at=self._row.created_at)
            )
        for job_id in decision.stopped:
            self._send(STOP, job_id, b"")
        if decision.is_last:
            self._event(self._end_event(decision))
        self._session.add(self._row)
        self._session.add_all(self.outbox)
        await self._session.flush()

    def _progress(self, decision: Decision) -> None:
        row = self._row
        if decision.usage is not None:
            row.usage = decision.usage
        row.error = decision.error or row.error
        row.incomplete_reason = decision.incomplete_reason or row.incomplete_reason
        row.outputs += len(decision.new_items)
        row.calls += len(decision.begun_calls)
        if decision.begun_turn is not None:
            row.turn += 1
        if decision.status is not None:
            row.status = decision.status
        row.started_at = row.started_at or self._now
        if decision.is_last:
            row.ended_at, row.due_at = self._now, None

    async def _items(self, decision: Decision) -> None:
        await keep_items(self._session, [self._item_row(done) for done in decision.new_items])
        changed = {done.output_index: done for done in decision.changed_items}
        if not changed:
            return
        rows = await outputs_at(self._session, self._row.response_id, changed)
        for index, done in changed.items():
            rows[index].item, rows[index].said = done.item, done.said
            self._session.add(rows[index])

    def _item_row(self, done: Done) -> ResponseItemRow:
        return ResponseItemRow(
            response_id=self._row.response_id,
            is_output=True,
            position=done.output_index,
            item_id=done.item["id"],
            item=done.item,
            said=done.said,
            created_at=self._now,
        )

    async def _steps(self, decision: Decision) -> None:
        row, limit = self._row, self._jobs.deadline
        if decision.ended_steps:
            for step in await steps_of_turn(self._session, row.response_id, row.turn - 1):
                if step.number in decision.ended_steps:
                    step.status = decision.ended_steps[step.number]
                    step.ended_at = step.ended_at or self._now
                    self._session.add(step)
        begun: list[ResponseStepRow] = []
        if decision.begun_calls:
            limit = min(limit, self._now + timedelta(seconds=self._plan.call_seconds))
            begun += [self._call_step(called, limit) for called in decision.begun_calls]
        if decision.begun_turn is not None:
            begun.append(self._turn_step(decision.begun_turn))
        self._session.add_all(begun)
        if begun and not decision.is_last:
            row.due_at = min(self._jobs.deadline, *(step.deadline + GRACE for step in begun))

    def _turn_step(self, plan: TurnPlan) -> ResponseStepRow:
        for topic, key, payload in self._jobs.turn(plan):
            self._send(topic, key, payload)
        return self._step(plan, plan.job_id, plan.number, _turn_number(plan.number), self._jobs.deadline)

    def _call_step(self, called: Called, limit: datetime) -> ResponseStepRow:
        job_id = call_job_id(self._row.response_id, called)
        for topic, key, payload in self._jobs.call(job_id, called, limit):
            self._send(topic, key, payload)
        number = _turn_number(self._row.turn - 1) + 1 + called.output_index
        return self._step(called, job_id, self._row.turn - 1, number, limit)

    def _step(
        self, about: TurnPlan | Called, job_id: str, turn: int, number: int, limit: datetime
    ) -> ResponseStepRow:
        return ResponseStepRow(
            response_id=self._row.response_id,
            number=number,
            kind=TURN if isinstance(about, TurnPlan) else TOOL,
            turn=turn,
            job_id=job_id,
            about=about.model_dump(mode="json"),
            started_at=self._now,
            deadline=limit,
        )

    async def _frames(self, decision: Decision) -> None:
        """The frames of the step, one outbox row for all, behind those that are there."""
        frames = [await self._frame(one) for one in decision.frames]
        if decision.is_last:
            ending = Ending(model=self._row.model, finish_reason=self._row.status)
            frames.append(frame(FrameKind.END, 1, ending.model_dump_json().encode()))
        for raw in frames:
            self.outbox.append(
                OutboxRow(
                    response_id=self._row.response_id,
                    key=self._jobs.job_id,
                    payload=raw,
                    first_seq=self._row.frames,
                )
            )
            self._row.frames += 1

    async def _frame(self, one: JsonObject | Snapshot | TurnPlan) -> bytes:
        match one:
            case TurnPlan():
                return frame(FrameKind.FOLLOW, 1, one.model_dump_json().encode())
            case Snapshot(kind, status):
                event = {"type": kind, "response": await self._object(status)}
                return frame(FrameKind.CHUNK, 1, to_json(event))
            case _:
                return frame(FrameKind.CHUNK, 1, to_json(one))

    async def _object(self, status: str) -> JsonObject:
        row = self._row
        rows: Sequence[ResponseItemRow] = []
        if row.outputs and status not in ("queued", "in_progress"):
            rows = await items_of_response(self._session, row.response_id, is_output=True)
        output = [shown_item(one.item, self._plan.include) for one in rows]
        return response_object(row, output) | {"status": status}

    def _event(self, event: Event) -> None:
        self._send(EVENTS.name, self._jobs.job_id, event.model_dump_json().encode())

    def _end_event(self, decision: Decision) -> Event:
        row = self._row
        match row.status:
            case "cancelled":
                return Cancelled(**self._about(), attempt=1)
            case "failed":
                error = decision.error or {}
                code, message = (str(error.get(name) or "") for name in ("code", "message"))
                detail = ErrorDetail(type=ErrorType.INTERNAL, code=code, message=message, status=500)
                return Failed(**self._about(), attempt=1, error=detail)
            case _:
                return Finished(**self._about(), attempt=1, model=row.model, finish_reason=row.status)

    def _about(self) -> dict[str, Any]:  # the fields of JobFact
        return {"job_id": self._jobs.job_id, "tenant": self._row.tenant, "at": self._now}

    def _send(self, topic: str, key: str, payload: bytes) -> None:
        row = OutboxRow(response_id=self._row.response_id, topic=topic, key=key, payload=payload)
        self.outbox.append(row)


def _turn_number(turn: int) -> int:
    """The number of a turn's step: the calls that it makes come between it and the next one's."""
    return (turn + 1) * 1_000_000
