"""Many jobs at once from one partition, on a real broker."""

import asyncio
import random
import time

import pytest
from pydantic import TypeAdapter

from contracts.ids import new_ulid
from contracts.topics import HOUR_MS, Topic
from infra.bus.attempts import AttemptLimits
from infra.bus.broker import open_broker, serve
from infra.bus.consumption import ConsumptionLimits
from infra.bus.errors import BusError, Poison
from infra.bus.lag import open_lag
from infra.bus.parallel import parallel_subscriber
from infra.bus.producer import Producer
from infra.bus.record import Record
from infra.settings import KafkaSettings
from tests.infra.bus.conftest import Dead, NewTopic, Until, Working

QUICK = ConsumptionLimits(commit_every=0.1, attempts=AttemptLimits(retry_delay=0.01))


async def send_all(producer: Producer, topic: str, names: list[str]) -> None:
    await asyncio.gather(*(producer.send(topic, name.encode(), name.encode(), {}) for name in names))


async def test_nothing_is_lost_and_nothing_runs_twice(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic, group = await new_topic(4), new_ulid()
    names = [f"job-{number}" for number in range(300)]
    gates = {name: asyncio.Event() for name in names}
    begun: list[str] = []
    later: list[str] = []

    async def on_record(record: Record) -> None:
        name = record.value.decode()
        begun.append(name)
        await gates[name].wait()

    async def on_later(record: Record) -> None:
        later.append(record.value.decode())

    await send_all(producer, topic.name, names)
    async with working(
        topic, on_record, group=group, limits=ConsumptionLimits(max_jobs=300, commit_every=0.05)
    ):
        await until(lambda: len(begun) == 300)
        for name in random.sample(names, len(names)):
            gates[name].set()
            await asyncio.sleep(0)
    async with working(topic, on_later, group=group):
        await send_all(producer, topic.name, ["after"])
        await until(lambda: later)

    assert sorted(begun) == sorted(names)
    assert later == ["after"]


async def test_a_slow_job_does_not_delay_those_behind_it(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic = await new_topic(1)
    release = asyncio.Event()
    done: list[str] = []

    async def on_record(record: Record) -> None:
        if record.value == b"slow":
            await release.wait()
        done.append(record.value.decode())

    async with working(topic, on_record, group=new_ulid()) as subscriber:
        await producer.send(topic, b"k", b"slow", {})
        await send_all(producer, topic.name, [f"fast-{number}" for number in range(200)])
        await until(lambda: len(done) == 200)
        assert "slow" not in done
        assert subscriber.in_flight == 1
        assert subscriber.progress()[0].backlog == 1
        release.set()
        await until(lambda: len(done) == 201)


@pytest.mark.kafka
async def test_the_backlog_counts_only_what_is_unfinished(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until, quick: KafkaSettings
) -> None:
    topic, group = await new_topic(2), new_ulid()
    release = asyncio.Event()
    done: list[bytes] = []

    async def on_record(record: Record) -> None:
        if record.value.startswith(b"slow"):
            await release.wait()
        done.append(record.value)

    async with open_lag(quick) as lag:
        await send_all(producer, topic.name, ["slow-1", "slow-2", *map(str, range(40))])
        assert await lag.backlog(group, [topic]) == {topic.name: 42}
        async with working(topic, on_record, group=group) as subscriber:
            await until(lambda: len(done) == 40)
            committed = subscriber.counts.commits
            await until(lambda: subscriber.counts.commits > committed or subscriber.counts.commits > 1)
            while (backlog := await lag.backlog(group, [topic])) != {topic.name: 2}:
                assert backlog[topic.name] > 2
            release.set()
        assert await lag.backlog(group, [topic]) == {topic.name: 0}


async def test_a_full_worker_takes_no_more(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic = await new_topic(2)
    release = asyncio.Event()
    begun: list[bytes] = []
    most = 0

    async def on_record(record: Record) -> None:
        begun.append(record.value)
        await release.wait()

    limits = ConsumptionLimits(max_jobs=3, commit_every=0.1)
    async with working(topic, on_record, group=new_ulid(), limits=limits) as subscriber:
        await send_all(producer, topic.name, [str(number) for number in range(30)])
        await until(lambda: subscriber.counts.pauses >= 2)
        most = len(begun)
        release.set()
        await until(lambda: len(begun) == 30)

    assert most == 3


async def test_dispatch_runs_only_so_far_ahead_of_a_slow_job(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic = await new_topic(1)
    release = asyncio.Event()
    begun: list[bytes] = []

    async def on_record(record: Record) -> None:
        begun.append(record.value)
        if record.value == b"slow":
            await release.wait()

    limits = ConsumptionLimits(max_jobs=4, max_span=10, commit_every=0.1)
    async with working(topic, on_record, group=new_ulid(), limits=limits) as subscriber:
        await producer.send(topic, b"k", b"slow", {})
        await send_all(producer, topic.name, [str(number) for number in range(100)])
        await until(lambda: subscriber.progress() and subscriber.progress()[0].span >= 10)
        assert len(begun) < 20
        release.set()
        await until(lambda: len(begun) == 101)


async def test_poison_and_hopeless_records_die_and_the_rest_goes_on(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until, dead: Dead
) -> None:
    topic, group = await new_topic(1), new_ulid()
    done: list[bytes] = []

    async def on_record(record: Record) -> None:
        match record.value:
            case b"poison":
                raise Poison("unreadable")
            case b"hopeless":
                raise ValueError("always")
        done.append(record.value)

    await producer.send(topic, b"k", b"poison", {"binary": "\udcff"})
    await send_all(producer, topic.name, ["hopeless", "one", "two"])
    async with working(topic, on_record, group=group, limits=QUICK):
        await until(lambda: len(done) == 2 and len(dead) == 2)
    async with working(topic, on_record, group=group) as successor:
        await producer.send(topic, b"k", b"three", {})
        await until(lambda: b"three" in done)
        assert successor.counts.begun == 1

    letters = {record.value: (tries, type(error)) for record, error, tries in dead}
    assert letters == {b"poison": (1, Poison), b"hopeless": (3, ValueError)}
    assert dead[0][0].headers == {"binary": "\udcff"}


async def test_a_job_longer_than_the_poll_interval_keeps_its_partition(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until, quick: KafkaSettings
) -> None:
    topic = await new_topic(1)
    begun: list[bytes] = []
    end = 0.0

    async def on_record(record: Record) -> None:
        begun.append(record.value)
        await until(lambda: time.monotonic() > end)

    settings = quick.model_copy(update={"max_poll_interval_ms": 1_500})
    limits = ConsumptionLimits(max_jobs=1, commit_every=0.1)
    async with working(topic, on_record, group=new_ulid(), limits=limits, settings=settings) as subscriber:
        end = time.monotonic() + 4
        await send_all(producer, topic.name, ["long", "next"])
        await until(lambda: subscriber.counts.finished == 2)
        assert subscriber.counts.rebalances == 1
        assert subscriber.counts.commits_refused == 0

    assert sorted(begun) == [b"long", b"next"]


async def test_a_drain_waits_for_running_jobs(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic, group = await new_topic(1), new_ulid()
    release = asyncio.Event()
    begun: list[bytes] = []
    later: list[bytes] = []

    async def on_record(record: Record) -> None:
        begun.append(record.value)
        asyncio.get_running_loop().call_later(0.3, release.set)
        await release.wait()

    async def on_later(record: Record) -> None:
        later.append(record.value)

    await producer.send(topic, b"k", b"one", {})
    async with working(topic, on_record, group=group) as subscriber:
        await until(lambda: begun)
    async with working(topic, on_later, group=group):
        await producer.send(topic, b"k", b"two", {})
        await until(lambda: later)

    assert subscriber.counts.finished == 1
    assert later == [b"two"]


async def test_a_drain_hands_back_what_does_not_end_in_time(
    new_topic: NewTopic, producer: Producer, working: Working, until: Until
) -> None:
    topic, group = await new_topic(1), new_ulid()
    never = asyncio.Event()
    begun: list[bytes] = []
    later: list[bytes] = []

    async def on_record(record: Record) -> None:
        begun.append(record.value)
        if record.value == b"endless":
            await never.wait()

    async def on_later(record: Record) -> None:
        later.append(record.value)

    await send_all(producer, topic.name, ["endless", "short"])
    limits = ConsumptionLimits(commit_every=0.1, drain_timeout=0.2)
    async with working(topic, on_record, group=group, limits=limits) as subscriber:
        await until(lambda: len(begun) == 2)
    async with working(topic, on_later, group=group):
        await until(lambda: b"endless" in later)

    assert subscriber.counts.handed_back == 1


async def test_a_consumer_that_cannot_bury_its_dead_ends_loudly(
    new_topic: NewTopic, producer: Producer, quick: KafkaSettings
) -> None:
    topic = await new_topic(1)
    broker = open_broker(quick)

    async def bury(record: Record, error: BaseException, attempts: int) -> None:
        raise RuntimeError("a bug in the dead letters")

    subscriber = parallel_subscriber(
        broker, topic, settings=quick, group_id=new_ulid(), on_dead=bury, limits=QUICK
    )

    @subscriber
    async def on_record(record: Record) -> None:
        raise Poison("unreadable")

    await producer.send(topic, b"k", b"poison", {})

    with pytest.raises(BusError, match="stopped taking records") as caught:
        await serve(broker, asyncio.Event())
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_serving_without_a_broker_is_an_error() -> None:
    settings = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    topic = Topic("jobs.test.v1", "job_id", 1, HOUR_MS, TypeAdapter(dict), "Test jobs")
    broker = open_broker(settings)
    parallel_subscriber(broker, topic, settings=settings, group_id="g", on_dead=nobody_dies)(nothing_comes)

    with pytest.raises(BusError):
        await serve(broker, asyncio.Event())


async def test_who_is_told_to_stop_while_joining_stops(quick: KafkaSettings, new_topic: NewTopic) -> None:
    told = asyncio.Event()
    told.set()
    broker = open_broker(quick)
    topic = await new_topic(1)
    parallel_subscriber(broker, topic, settings=quick, group_id=new_ulid(), on_dead=nobody_dies)(
        nothing_comes
    )

    async with asyncio.timeout(5):
        await serve(broker, told)


async def nobody_dies(record: Record, error: BaseException, attempts: int) -> None:
    raise AssertionError(record) from error


async def nothing_comes(record: Record) -> None:
    raise AssertionError(record)
