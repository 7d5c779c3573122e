"""One attempt's call to the provider: each try of it, and the frames that it brings."""

import asyncio
from dataclasses import dataclass

from contracts.events import Ending
from contracts.frames import FrameKind
from contracts.ids import chat_id
from contracts.jobs import CompletionJob
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.completion.core import Provider, Shown, Stream, whole_answer
from workers.runtime.attempt import Attempt

MAX_UNSEEN = 16
"""Chunks that are held back because they show nothing, such as the role: until a token follows, a worker that
dies can be replaced unseen, a failure is a plain error, and a failed call is made again."""


@dataclass(frozen=True)
class Question:
    """What the provider is asked."""

    body: bytes
    traceparent: str
    wants_usage: bool
    choices: int
    shown: Shown | None
    """What its answer goes on from."""


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

    def is_unseen(self) -> bool:
        """Whether this attempt has sent nothing yet."""
        return self._attempt.seq == self._first_seq

    async def once(self) -> Ending:
        """One try, the terminal frame included. Raises ApiError, which may be MayPass."""
        return await (self._stream() if self._attempt.envelope.job.stream else self._whole())

    async def _whole(self) -> Ending:
        attempt, question = self._attempt, self._question
        answer = await self._provider.complete(
            question.body, deadline=attempt.deadline, traceparent=question.traceparent
        )
        envelope = attempt.envelope
        payload, ending = whole_answer(answer, chat_id(envelope.job_id), envelope.lane.value)
        attempt.usage = ending.usage
        attempt.send(FrameKind.RESULT, payload)
        return ending

    async def _stream(self) -> Ending:
        stream = self._folding()
        try:
            ending = await self._folded(stream)
        finally:
            self._attempt.usage = stream.usage
        self._attempt.send(FrameKind.END, ending.model_dump_json().encode())
        return ending

    def _folding(self) -> Stream:
        envelope, question = self._attempt.envelope, self._question
        return Stream(
            chat_id(envelope.job_id),
            envelope.lane.value,
            wants_usage=question.wants_usage,
            first_seq=self._first_seq,
            choices=question.choices,
            shown=question.shown,
        )

    async def _folded(self, stream: Stream) -> Ending:
        """Send what the provider streams, from its first visible chunk on."""
        attempt, question = self._attempt, self._question
        loop = asyncio.get_running_loop()
        began = loop.time()
        was_visible = False
        unseen: list[bytes] = []
        async with self._provider.stream(
            question.body, deadline=attempt.deadline, traceparent=question.traceparent
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
        payloads.clear()
