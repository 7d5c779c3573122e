"""Tries of a call, on virtual time."""

import asyncio
from dataclasses import dataclass, field

import pytest

from contracts.errors import ApiError, ErrorCode
from workers.completion.core import MayPass, RetryRule, may_pass, refusal
from workers.completion.tries import LoopClock, Tries
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

    async def once(self) -> str:
        self.calls += 1
        self.clock.now += self.takes
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def run(self, *, deadline: float = 1_000.0) -> str:
        tries = Tries(RULE, self.clock, chance=lambda: 1.0)
        return await tries.call(
            self.once, deadline=deadline, is_unseen=lambda: self.is_unseen, on_failure=self._tell
        )

    def _tell(self, error: MayPass) -> None:
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

    async def once() -> str:
        raise may_pass(BUSY)

    tries = Tries(rule, LoopClock(), chance=lambda: 1.0)
    deadline = asyncio.get_running_loop().time() + 3_600.0
    task = asyncio.create_task(
        tries.call(once, deadline=deadline, is_unseen=lambda: True, on_failure=lambda _: waits.set())
    )
    await waits.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
