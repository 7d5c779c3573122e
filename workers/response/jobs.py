"""The jobs of a response: model turns and calls of tools, as records with the facts that tell of them."""

from collections.abc import Iterator
from datetime import datetime

from pydantic_core import from_json

from contracts.envelope import Envelope, JobT
from contracts.events import Accepted
from contracts.jobs import (
    CompletionEnvelope,
    CompletionJob,
    ResponseEnvelope,
    ResponseTurn,
    ToolEnvelope,
    ToolJob,
)
from contracts.responses.plan import Called, JsonObject, TurnPlan
from contracts.topics import COMPLETION, EVENTS, TOOL
from infra.store.responses import ResponseRow

Sent = tuple[str, str, bytes]
"""Topic, key and value of a record."""


class Jobs:
    """Makes them, all with what the response's own envelope tells."""

    def __init__(self, row: ResponseRow, now: datetime) -> None:
        self._row = row
        self._now = now
        self._envelope = ResponseEnvelope.model_validate(row.envelope)

    @property
    def job_id(self) -> str:
        """The response's own."""
        return self._envelope.job_id

    @property
    def deadline(self) -> datetime:
        """Of the whole response."""
        return self._envelope.deadline

    def turn(self, plan: TurnPlan) -> Iterator[Sent]:
        """A model turn."""
        turn = ResponseTurn(response_id=plan.response_id, number=plan.number)
        job = CompletionJob(model=self._row.model, stream=True, body={}, response=turn)
        envelope = self._filled(CompletionEnvelope, plan.job_id, job, self.deadline)
        yield from self._sent(COMPLETION[envelope.lane].name, envelope, self._row.model)

    def call(self, job_id: str, called: Called, limit: datetime) -> Iterator[Sent]:
        """A call of one of our tools."""
        offered = called.offered
        job = ToolJob(
            tool=called.name if offered is None else offered.tool or called.name,
            body=_arguments(called),
            approved=called.approval_request_id is not None,
            response_id=self._row.response_id,
            call_id=called.call_id[:128],
        )
        envelope = self._filled(ToolEnvelope, job_id, job, limit)
        yield from self._sent(TOOL.name, envelope, None)

    def _filled(
        self, shape: type[Envelope[JobT]], job_id: str, job: JobT, deadline: datetime
    ) -> Envelope[JobT]:
        base = self._envelope
        return shape(
            job_id=job_id,
            kind=job.kind,  # type: ignore[attr-defined]  # every job has one
            tenant=base.tenant,
            caller=base.caller,
            lane=base.lane,
            asked_at=self._now,
            deadline=deadline,
            reply_to=base.reply_to,
            relay_epoch=base.relay_epoch,
            request_id=base.request_id,
            response_id=self._row.response_id,
            job=job,
        )

    def _sent(self, topic: str, envelope: Envelope[JobT], model: str | None) -> Iterator[Sent]:
        accepted = Accepted(
            job_id=envelope.job_id,
            tenant=envelope.tenant,
            at=self._now,
            kind=envelope.kind,
            lane=envelope.lane,
            user_id=envelope.caller.user_id,
            request_id=envelope.request_id,
            model=model,
            deadline=envelope.deadline,
            key_id=envelope.caller.key_id,
        )
        yield EVENTS.name, envelope.job_id, accepted.model_dump_json().encode()
        yield topic, envelope.job_id, envelope.model_dump_json().encode()


def _arguments(called: Called) -> JsonObject:
    """What the tool is given: what the model wrote, as far as it is an object, and what was fixed before."""
    try:
        said = from_json(called.arguments or "{}")
    except ValueError:
        said = {}
    given = said if isinstance(said, dict) else {}
    return given | (called.offered.arguments if called.offered else {})
