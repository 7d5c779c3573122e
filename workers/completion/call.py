"""One attempt's call to the provider: each try of it, and the frames that it brings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.events import Ending, Usage
from contracts.frames import FrameKind, payload_of
from contracts.ids import chat_id, legacy_id
from contracts.jobs import CompletionJob, Endpoint
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.completion.core import Cost, Provider, Shown, Stream, priced, usage_payload, whole_answer
from workers.runtime.attempt import Attempt

MAX_UNSEEN = 16
"""Chunks that are held back because they show nothing, such as the role: until a token follows, a worker that
dies can be replaced unseen, a failure is a plain error, and a failed call is made again."""


Keep = Callable[[Sequence[bytes]], Awaitable[None]]
"""Keeps an answer beyond the relay: the payloads of all its chunks, or that of the whole. Raises ApiError."""


@dataclass(frozen=True)
class Question:
    """What the provider is asked."""

    body: bytes
    traceparent: str
    wants_usage: bool
    choices: int
    shown: Shown | None
    """What its answer goes on from."""
    endpoint: Endpoint = Endpoint.CHAT
    keep: Keep | None = None
    """Told of the whole answer before its end is told to anybody else."""
    provider: str | None = None
    """Who is asked."""
    cost: Cost = lambda _usage: None
    """What a usage costs there."""
    told: dict[str, Any] = field(default_factory=dict)  # OpenAI's wire, open by nature
    """What the answer tells beside what the provider says: its conversation."""


class Call:
    """The call of one attempt."""

    def __init__(
        self,
        provider: Provider,
        attempt: Attempt[CompletionJob],
        question: Question,
        metrics: WorkerMetrics,
    ) -> None:
        self._provider = provider
        self._attempt = attempt
        self._question = question
        self._metrics = metrics
        self._first_seq = attempt.seq
        self._sent: list[bytes] = []
        """Payloads of this try, where they are to be kept."""

    def is_unseen(self) -> bool:
        """Whether this attempt has sent nothing yet."""
        return self._attempt.seq == self._first_seq

    async def once(self) -> Ending:
        """One try, the terminal frame included. Raises ApiError, which may be MayPass."""
        return await (self._stream() if self._attempt.envelope.job.stream else self._whole())

    async def _whole(self) -> Ending:
        attempt, question = self._attempt, self._question
        answer = await self._provider.complete(
            question.endpoint, question.body, deadline=attempt.deadline, traceparent=question.traceparent
        )
        envelope = attempt.envelope
        payload, ending = whole_answer(
            answer, self._public_id(), envelope.lane.value, question.endpoint, question.told
        )
        ending = self._billed(ending)
        attempt.usage = ending.usage
        if question.keep is not None:
            await question.keep([payload])
        attempt.send(FrameKind.RESULT, payload)
        return ending

    async def _stream(self) -> Ending:
        stream = self._folding()
        try:
            ending = await self._folded(stream)
        finally:
            self._attempt.usage = priced(stream.usage, self._question.cost)
        ending = self._billed(ending)
        await self._keep(ending.usage)
        self._attempt.send(FrameKind.END, ending.model_dump_json().encode())
        return ending

    def _billed(self, ending: Ending) -> Ending:
        """The end, with who answered and what that cost."""
        question = self._question
        told = {"provider": question.provider, "usage": priced(ending.usage, question.cost)}
        return ending.model_copy(update=told)

    def _public_id(self) -> str:
        named = legacy_id if self._question.endpoint is Endpoint.COMPLETIONS else chat_id
        return named(self._attempt.envelope.job_id)

    def _folding(self) -> Stream:
        envelope, question = self._attempt.envelope, self._question
        return Stream(
            self._public_id(),
            envelope.lane.value,
            wants_usage=question.wants_usage,
            first_seq=self._first_seq,
            choices=question.choices,
            shown=question.shown,
            endpoint=question.endpoint,
            told=question.told,
        )

    async def _keep(self, usage: Usage | None) -> None:
        """All chunks are in the log by then: who goes on from there keeps the same, and
        the usage, whether the client asked for it or not."""
        if self._question.keep is not None:
            await self._attempt.flushed()
            delivered = [payload_of(raw) for raw in self._attempt.delivered]
            told = [] if usage is None else [usage_payload(usage)]
            await self._question.keep([*delivered, *self._sent, *told])

    async def _folded(self, stream: Stream) -> Ending:
        """Send what the provider streams, from its first visible chunk on."""
        attempt, question = self._attempt, self._question
        loop = asyncio.get_running_loop()
        began = loop.time()
        was_visible = False
        unseen: list[bytes] = []
        async with self._provider.stream(
            question.endpoint, question.body, deadline=attempt.deadline, traceparent=question.traceparent
        ) as batches:
            async for batch in batches:
                for data in batch:
                    payload = stream.feed(data)
                    if payload is not None:
                        unseen.append(payload)
                        if stream.visible or len(unseen) > MAX_UNSEEN:
                            self._send_all(unseen)
                if stream.visible and not was_visible:
                    was_visible = True
                    self._metrics.first_token(attempt.envelope.job.model, loop.time() - began)
                await attempt.room()
        ending = stream.close()
        self._send_all(unseen)
        return ending

    def _send_all(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            self._attempt.send(FrameKind.CHUNK, payload)
        if self._question.keep is not None:
            self._sent += payloads
        payloads.clear()
