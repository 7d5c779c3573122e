"""Tries of a call, on virtual time."""

import asyncio
from dataclasses import dataclass, field

import pytest

from contracts.errors import ApiError, ErrorCode
from tests.flows.providers import MemoryCandidate
from workers.completion.core import Candidate, MayPass, NotAsked, RetryRule, may_pass, refusal
from workers.completion.tries import MOST_ASKED, LoopClock, Tries
from workers.runtime.attempt import TryLater

RULE = RetryRule(retries=2, base=1.0, limit=10.0)
BUSY = ApiError(ErrorCode.PROVIDER_ERROR, "busy")


@dataclass
class VirtualClock:
    """Time passes only by sleeping."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Calling:
    """Answers with its results in turn."""

    results: list[Exception | str]
    clock: VirtualClock = field(default_factory=VirtualClock)
    told: list[str | None] = field(default_factory=list)
    is_unseen: bool = True
    takes: float = 0.0
    calls: int = 0
    candidates: list[MemoryCandidate] = field(default_factory=lambda: [MemoryCandidate(BUSY)])
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def once(self, candidate: Candidate) -> str:
        self.calls += 1
        self.asked.append(candidate.provider)
        self.clock.now += self.takes
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def run(self, *, deadline: float = 1_000.0) -> str:
        tries = Tries(RULE, self.clock, chance=lambda: 1.0)
        return await tries.call(
            lambda: self.candidates,
            self.once,
            deadline=deadline,
            is_unseen=lambda: self.is_unseen,
            on_failure=self._tell,
        )

    def _tell(self, candidate: Candidate, error: ApiError) -> None:
        self.failed.append(candidate.provider)
        self.told.append(error.detail.code)


async def test_a_call_that_succeeds_is_made_once() -> None:
    calling = Calling(["good"])

    assert await calling.run() == "good"
    assert (calling.calls, calling.clock.slept, calling.told) == (1, [], [])


async def test_failures_that_may_pass_are_waited_out_ever_longer() -> None:
    calling = Calling([may_pass(BUSY), may_pass(BUSY), "good"])

    assert await calling.run() == "good"
    assert calling.clock.slept == [1.0, 2.0]
    assert calling.told == ["provider_error", "provider_error"]


async def test_one_that_never_passes_may_be_tried_later_with_the_providers_own_wait() -> None:
    calling = Calling([may_pass(BUSY), may_pass(BUSY), refusal(429, b"", wait=0.5)])

    with pytest.raises(TryLater) as later:
        await calling.run()

    assert (later.value.detail.code, later.value.after) == ("provider_rate_limited", 0.5)
    assert (calling.calls, len(calling.told)) == (3, 2)


async def test_a_wait_that_the_budget_does_not_hold_is_not_begun() -> None:
    calling = Calling([refusal(429, b"", wait=3_600.0)])

    with pytest.raises(TryLater) as later:
        await calling.run()

    assert later.value.after == 3_600.0
    assert calling.clock.slept == []


async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    calling = Calling([may_pass(BUSY)])

    with pytest.raises(TryLater):
        await calling.run(deadline=100.9)

    assert calling.clock.slept == []


async def test_slow_failures_use_up_the_budget() -> None:
    calling = Calling([may_pass(BUSY), may_pass(BUSY)], takes=9.0)

    with pytest.raises(TryLater):
        await calling.run()

    assert (calling.calls, calling.clock.slept) == (2, [1.0])


async def test_of_who_could_not_be_asked_nothing_is_told_and_another_is() -> None:
    too_large = NotAsked(ErrorCode.BODY_TOO_LARGE, "too much to be sent as data")
    one, two = MemoryCandidate(BUSY, "one"), MemoryCandidate(BUSY, "two")
    calling = Calling([too_large, "good"], candidates=[one, two])

    assert await calling.run() == "good"
    assert (one.ends, two.ends, calling.asked) == (["gone"], [None], ["one", "two"])


async def test_where_nobody_could_be_asked_the_reason_is_told_at_once() -> None:
    too_large = NotAsked(ErrorCode.BODY_TOO_LARGE, "too much to be sent as data")
    calling = Calling([too_large, too_large], candidates=[MemoryCandidate(BUSY), MemoryCandidate(BUSY)])

    with pytest.raises(NotAsked):
        await calling.run()

    assert (calling.calls, calling.clock.slept) == (2, [])


async def test_what_was_seen_is_never_asked_again() -> None:
    calling = Calling([may_pass(BUSY)], is_unseen=False)

    with pytest.raises(MayPass):
        await calling.run()

    assert (calling.calls, calling.told) == (1, [])


async def test_a_failure_that_stays_is_raised_as_it_is() -> None:
    calling = Calling([BUSY])

    with pytest.raises(ApiError) as caught:
        await calling.run()

    assert caught.value is BUSY


async def test_a_cancellation_ends_a_wait_at_once() -> None:
    waits = asyncio.Event()
    rule = RetryRule(retries=1, base=600.0, limit=3_600.0)

    async def once(candidate: Candidate) -> str:
        raise may_pass(BUSY)

    tries = Tries(rule, LoopClock(), chance=lambda: 1.0)
    candidate = MemoryCandidate(BUSY)
    deadline = asyncio.get_running_loop().time() + 3_600.0
    task = asyncio.create_task(
        tries.call(
            lambda: [candidate],
            once,
            deadline=deadline,
            is_unseen=lambda: True,
            on_failure=lambda *_: waits.set(),
        )
    )
    await waits.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


def named(*names: str) -> list[MemoryCandidate]:
    return [MemoryCandidate(BUSY, name) for name in names]


LIMITED = refusal(429, b"", wait=4.0)
DENIED = refusal(401, b"")
NO_MODEL = refusal(404, b'{"error":{"message":"no such model","code":"model_not_found"}}')
WRONG = refusal(400, b'{"error":{"message":"no","type":"invalid_request_error"}}')
DEAD = may_pass(ApiError(ErrorCode.PROVIDER_UNREACHABLE, "gone"))
SILENT = ApiError(ErrorCode.PROVIDER_TIMEOUT, "silent")


@pytest.mark.parametrize("failure", [LIMITED, DENIED, NO_MODEL, DEAD, SILENT, BUSY], ids=str)
async def test_what_one_cannot_answer_the_next_is_asked_at_once(failure: ApiError) -> None:
    calling = Calling([failure, "good"], candidates=named("a", "b"))

    assert await calling.run() == "good"
    assert (calling.asked, calling.failed, calling.clock.slept) == (["a", "b"], ["a"], [])
    assert [one.ends for one in calling.candidates] == [[failure.detail.code], [None]]


async def test_a_fault_of_the_request_goes_to_nobody_else() -> None:
    calling = Calling([WRONG], candidates=named("a", "b"))

    with pytest.raises(ApiError) as caught:
        await calling.run()

    assert caught.value is WRONG
    assert calling.asked == ["a"]


async def test_after_a_round_in_which_somebody_may_come_back_another_follows() -> None:
    calling = Calling([DENIED, DEAD, DENIED, "good"], candidates=named("a", "b"))

    assert await calling.run() == "good"
    assert calling.asked == ["a", "b", "a", "b"]
    assert calling.clock.slept == [1.0]


async def test_a_round_waits_for_who_comes_back_first() -> None:
    calling = Calling([refusal(429, b"", wait=9.0), LIMITED, "good"], candidates=named("a", "b"))

    assert await calling.run() == "good"
    assert calling.clock.slept == [4.0]


async def test_nothing_is_asked_again_where_nobody_may_come_back() -> None:
    calling = Calling([NO_MODEL, DENIED], candidates=named("a", "b"))

    with pytest.raises(ApiError) as caught:
        await calling.run()

    assert caught.value is DENIED
    assert calling.clock.slept == []


async def test_nobody_is_asked_after_the_deadline() -> None:
    calling = Calling([SILENT, "good"], takes=50.0, candidates=named("a", "b"))

    with pytest.raises(ApiError) as caught:
        await calling.run(deadline=140.0)

    assert caught.value is SILENT
    assert calling.asked == ["a"]


async def test_what_was_seen_goes_to_nobody_else() -> None:
    calling = Calling([DEAD], is_unseen=False, candidates=named("a", "b"))

    with pytest.raises(MayPass):
        await calling.run()

    assert calling.asked == ["a"]


async def test_a_round_visits_a_bounded_number() -> None:
    calling = Calling([DENIED] * 100, candidates=named(*(str(number) for number in range(100))))

    with pytest.raises(ApiError):
        await calling.run()

    assert len(calling.asked) == MOST_ASKED


async def test_a_cancelled_call_tells_nothing_of_who_was_asked() -> None:
    begun = asyncio.Event()
    candidate = MemoryCandidate(BUSY)

    async def once(candidate: Candidate) -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    tries = Tries(RULE, LoopClock())
    deadline = asyncio.get_running_loop().time() + 3_600.0
    task = asyncio.create_task(
        tries.call(
            lambda: [candidate],
            once,
            deadline=deadline,
            is_unseen=lambda: True,
            on_failure=lambda *_: None,
        )
    )
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert candidate.ends == ["gone"]
