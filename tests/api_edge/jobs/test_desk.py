"""Where a job stands, from a ledger that is late and a Redis that forgets; and how it is told to stop."""

from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from api_edge.jobs import desk as desks
from api_edge.jobs.desk import JobDesk
from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode
from contracts.events import Cancelled, Ending, Failure, Usage
from contracts.frames import FrameKind, frame
from contracts.ids import chat_id
from contracts.wire.jobs import JobState, JobView
from infra.relay.load import LaneLoad
from infra.store.jobs import StoredJob
from tests.flows.test_chat_completion import kinds
from tests.flows.world import MemoryLedger, MemoryProvider, World

JOB = "0" * 26
MINE, ANOTHERS = "t1", "t2"
USED = Usage(input_tokens=3, output_tokens=2)
END = frame(FrameKind.END, 1, Ending(usage=USED).model_dump_json().encode())


class AwayLedger(MemoryLedger):
    """A ledger whose database is away."""

    @override
    async def of(self, job_id: str) -> StoredJob | None:
        raise ApiError(ErrorCode.DEPENDENCY_DOWN, "away")


class OneLoad:
    """Lanes that are all as busy as this."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def admit(self, lane: Lane) -> None:
        raise AssertionError

    def of(self, lane: Lane) -> LaneLoad | None:
        return LaneLoad(lane, 9, 1, 0, self._rate, None, 0.0)


@pytest.fixture
def world() -> World:
    return World(MemoryProvider())


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> JobDesk:
    monkeypatch.setattr(desks, "LOOK_SECONDS", 0)
    return JobDesk(world.edge)


def told(world: World, state: JobState, tenant: str = MINE, **more: Any) -> JobView:  # fields of a JobView
    """What the ledger knows."""
    view = JobView(id=JOB, kind="completion", state=state, lane="flex", **more)
    world.ledger.jobs[JOB] = StoredJob(tenant, view)
    return view


def claimed(world: World, attempt: int = 1, *frames: bytes) -> None:
    """What Redis knows."""
    world.relay.attempts[JOB] = attempt
    world.relay.logs[JOB] = list(frames)


def failed(code: ErrorCode) -> bytes:
    failure = Failure(**dict(ApiError(code, "no").detail), usage=USED)
    return frame(FrameKind.ERROR, 1, failure.model_dump_json().encode())


@pytest.mark.parametrize("name", [JOB, chat_id(JOB)])
async def test_a_job_is_shown_as_the_ledger_tells_it_by_either_of_its_names(
    world: World, desk: JobDesk, name: str
) -> None:
    view = told(world, JobState.FINISHED, model="m", usage=USED)

    assert await desk.show(name, MINE) == view


@pytest.mark.parametrize("name", [JOB, chat_id(JOB), "x", "chatcmpl-", ""])
async def test_what_names_no_job_is_not_found(desk: JobDesk, name: str) -> None:
    for ask in (desk.show, desk.cancel):
        with pytest.raises(ApiError) as refused:
            await ask(name, MINE)

        assert refused.value.detail.status == 404


async def test_anothers_job_is_not_found_and_not_stopped(world: World, desk: JobDesk) -> None:
    told(world, JobState.RUNNING, ANOTHERS)

    for ask in (desk.show, desk.cancel):
        with pytest.raises(ApiError) as refused:
            await ask(JOB, MINE)

        assert refused.value.detail.status == 404
    assert world.relay.cancelled == set()


async def test_what_redis_knows_of_whose_job_it_is_counts_before_the_ledger(
    world: World, desk: JobDesk
) -> None:
    told(world, JobState.RUNNING, MINE)
    claimed(world)
    world.relay.tenants[JOB] = ANOTHERS

    with pytest.raises(ApiError) as refused:
        await desk.show(JOB, MINE)

    assert refused.value.detail.status == 404


async def test_a_job_that_the_ledger_has_not_heard_of_is_shown_as_redis_knows_it(
    world: World, desk: JobDesk
) -> None:
    claimed(world, 2, b"c2 {}")

    view = await desk.show(JOB, MINE)

    assert (view.state, view.attempts, view.kind) == (JobState.RUNNING, 2, "unknown")


@pytest.mark.parametrize(
    ("last", "state", "usage", "error"),
    [
        (b"c1 {}", JobState.RUNNING, None, None),
        (END, JobState.FINISHED, None, None),
        (b"r1 {}", JobState.FINISHED, None, None),
        (failed(ErrorCode.PROVIDER_ERROR), JobState.FAILED, USED, "provider_error"),
        (failed(ErrorCode.CANCELLED), JobState.CANCELLED, USED, None),
    ],
)
async def test_a_last_frame_is_newer_than_a_ledger_that_is_late(
    world: World, desk: JobDesk, last: bytes, state: JobState, usage: Usage | None, error: str | None
) -> None:
    told(world, JobState.QUEUED)
    claimed(world, 1, b"c1 {}", last)

    view = await desk.show(JOB, MINE)

    assert (view.state, view.usage) == (state, usage)
    assert (view.error and view.error.code) == error
    assert view.queue_position is None


async def test_an_end_in_the_ledger_is_not_changed_by_what_redis_still_holds(
    world: World, desk: JobDesk
) -> None:
    view = told(world, JobState.FINISHED, usage=USED)
    claimed(world, 3, b"c3 {}")
    world.relay.cancelled.add(JOB)

    assert await desk.show(JOB, MINE) == view


async def test_a_queued_job_is_shown_with_its_place_and_the_expected_wait(world: World) -> None:
    told(world, JobState.QUEUED)
    world.ledger.ahead = 12
    desk = JobDesk(replace(world.edge, lanes=OneLoad(4.0)))
    still = JobDesk(replace(world.edge, lanes=OneLoad(0.0)))

    view, unknown = await desk.show(JOB, MINE), await still.show(JOB, MINE)

    assert (view.queue_position, view.expected_wait_seconds) == (12, 3.0)
    assert (unknown.queue_position, unknown.expected_wait_seconds) == (12, None)


async def test_a_queued_job_that_is_cancelled_ends_at_once_with_its_event(
    world: World, desk: JobDesk
) -> None:
    told(world, JobState.QUEUED)

    first, again = await desk.cancel(JOB, MINE), await desk.cancel(JOB, MINE)

    assert first == again
    assert (first.state, first.cancelling) == (JobState.CANCELLED, False)
    (event,) = world.bus.events
    assert isinstance(event, Cancelled)
    assert (event.job_id, event.tenant, event.attempt) == (JOB, MINE, 0)


async def test_a_running_job_that_is_cancelled_is_waited_for(world: World, desk: JobDesk) -> None:
    told(world, JobState.RUNNING, attempts=1)
    claimed(world, 1, b"c1 {}")
    world.relay.stop = lambda job_id: world.relay.logs[job_id].append(failed(ErrorCode.CANCELLED))

    view = await desk.cancel(JOB, MINE)

    assert (view.state, view.usage) == (JobState.CANCELLED, USED)
    assert kinds(world) == []  # its worker tells


async def test_a_job_that_does_not_end_in_time_is_shown_as_it_is_ending(world: World, desk: JobDesk) -> None:
    told(world, JobState.RUNNING, attempts=1)
    claimed(world, 1, b"c1 {}")

    view = await desk.cancel(JOB, MINE)

    assert (view.state, view.cancelling) == (JobState.RUNNING, True)


async def test_a_job_that_finishes_as_it_is_cancelled_has_finished(world: World, desk: JobDesk) -> None:
    told(world, JobState.RUNNING, attempts=1)
    claimed(world, 1, b"c1 {}")
    world.relay.stop = lambda job_id: world.relay.logs[job_id].append(END)

    view = await desk.cancel(JOB, MINE)

    assert view.state is JobState.FINISHED


@pytest.mark.parametrize("state", [JobState.FINISHED, JobState.FAILED, JobState.CANCELLED])
async def test_a_job_that_has_ended_and_is_forgotten_by_redis_is_not_told_anything(
    world: World, desk: JobDesk, state: JobState
) -> None:
    view = told(world, state)

    assert await desk.cancel(JOB, MINE) == view
    assert world.relay.cancelled == set()


async def test_without_redis_a_job_is_shown_by_the_ledger_and_cannot_be_stopped(
    world: World, desk: JobDesk
) -> None:
    view = told(world, JobState.RUNNING)
    world.relay.is_down = True

    assert await desk.show(JOB, MINE) == view
    with pytest.raises(ApiError) as refused:
        await desk.cancel(JOB, MINE)
    assert (refused.value.detail.status, refused.value.detail.retry_after) == (503, 2)


async def test_without_the_ledger_a_running_job_is_stopped_though_it_cannot_be_shown(world: World) -> None:
    claimed(world, 1, b"c1 {}")
    desk = JobDesk(replace(world.edge, ledger=AwayLedger()))

    for ask in (desk.show, desk.cancel):
        with pytest.raises(ApiError) as refused:
            await ask(JOB, MINE)
        assert refused.value.detail.status == 503

    assert world.relay.cancelled == {JOB}
