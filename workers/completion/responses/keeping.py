"""Keeps what a response's turn came to, before its end is told: who takes the next step finds it there."""

from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.envelope import Envelope
from contracts.jobs import CompletionJob, ResponseTurn
from contracts.responses.fold import TurnFold
from contracts.responses.plan import TurnPlan
from infra.database import Database
from infra.failpoints import Failpoints, Moment
from infra.store.response_steps import end_turn, step_of_job
from workers.completion.core.jsontext import JsonObject
from workers.completion.memory.patience import Patience
from workers.completion.ports import Keeper


class ResponseKeeper:
    """Keeps turns of responses, and leaves every other completion to another keeper."""

    def __init__(
        self, database: Database, other: Keeper, failpoints: Failpoints, patience: Patience | None = None
    ) -> None:
        self._database = database
        self._other = other
        self._failpoints = failpoints
        self._patience = patience or Patience()

    def wants(self, job: CompletionJob) -> bool:
        """Whether something of it is to be kept."""
        return job.response is not None or self._other.wants(job)

    def named(self, envelope: Envelope[CompletionJob], body: JsonObject) -> JsonObject:
        """What the answer tells beside the completion; of a response, nothing."""
        return {} if envelope.job.response is not None else self._other.named(envelope, body)

    async def keep(
        self,
        envelope: Envelope[CompletionJob],
        attempt: int,
        body: JsonObject,
        payloads: Sequence[bytes],
    ) -> None:
        """Keep an answer. Raises DatabaseUnavailable."""
        turn = envelope.job.response
        if turn is None:
            await self._other.keep(envelope, attempt, body, payloads)
            return

        async def write() -> None:
            await self._keep(envelope.job_id, turn, payloads)

        await self._patience.until_done(write, envelope.deadline)
        self._failpoints.hit(Moment.KEPT)

    async def _keep(self, job_id: str, turn: ResponseTurn, payloads: Sequence[bytes]) -> None:
        async with self._database.begin() as session:
            step = await step_of_job(session, turn.response_id, job_id)
            if step is None:
                return
            fold = TurnFold(TurnPlan.model_validate(step.about))
            for payload in payloads:
                fold.feed(payload)
            fold.end()
            outcome = fold.outcome().model_dump(mode="json")
            await end_turn(session, turn.response_id, job_id, outcome, datetime.now(UTC))
