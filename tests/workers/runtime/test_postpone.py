"""How long a failed job waits for its next attempt, and when there is none."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode
from contracts.headers import Header
from contracts.topics import COMPLETION, Topic
from infra.bus.record import Record
from tests.contracts.records import LATER, NOON, envelope
from workers.runtime.postpone import MAX_ERROR, Postponer, tries_of

TOPIC = COMPLETION[Lane.FLEX]
DELAYS = (10.0, 60.0, 600.0)
BUSY = ApiError(ErrorCode.PROVIDER_RATE_LIMITED, "The provider is busy").detail
AT_NOON = NOON.timestamp()


class Sent:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes, bytes, Mapping[str, str]]] = []

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        self.records.append((topic.name, key, value, headers))


class Postponing:
    """One record that failed at noon; its deadline is ten minutes later."""

    def __init__(
        self, delays: tuple[float, ...] = DELAYS, chance: float = 0.0, deadline: datetime = LATER
    ) -> None:
        self.sent = Sent()
        self.deadline = deadline
        self.postponer = Postponer(self.sent, delays, chance=lambda: chance, now=lambda: AT_NOON)

    async def fail(self, tries: str | None = None, after: float | None = None) -> datetime | None:
        headers = {"traceparent": "00-1"} | ({} if tries is None else {Header.TRIES.value: tries})
        record = Record(TOPIC.name, 3, 7, b"key", b"value", headers)
        asked = envelope().model_copy(update={"deadline": self.deadline})
        return await self.postponer.postpone(record, asked, BUSY, after)


def seconds(due: datetime | None) -> float:
    assert due is not None
    return (due - NOON).total_seconds()


async def test_a_first_failure_waits_in_the_first_retry_topic_with_the_way_back() -> None:
    postponing = Postponing()

    due = await postponing.fail()

    assert seconds(due) == 10
    ((name, key, value, headers),) = postponing.sent.records
    assert (name, key, value) == ("retry.10s.v1", b"key", b"value")
    assert headers == {
        "traceparent": "00-1",
        "x-tries": "1",
        "x-not-before": f"{AT_NOON + 10:.3f}",
        "x-origin-topic": TOPIC.name,
        "x-retry-error": "provider_rate_limited: The provider is busy",
    }


async def test_each_further_failure_waits_longer() -> None:
    postponing = Postponing(deadline=LATER + timedelta(hours=1))

    waited = [seconds(await postponing.fail(tries)) for tries in ("0", "1", "2")]

    assert waited == [10, 60, 600]
    assert [name for name, *_ in postponing.sent.records] == ["retry.10s.v1", "retry.1m.v1", "retry.10m.v1"]


async def test_used_up_tries_are_the_end() -> None:
    postponing = Postponing()

    assert await postponing.fail("3") is None
    assert postponing.sent.records == []


async def test_fewer_delays_are_fewer_tries() -> None:
    assert await Postponing(delays=(10.0,)).fail("1") is None
    assert await Postponing(delays=()).fail() is None


async def test_an_attempt_that_would_come_after_the_deadline_is_not_made() -> None:
    postponing = Postponing(deadline=NOON + timedelta(seconds=10))

    assert await postponing.fail() is None
    assert postponing.sent.records == []


async def test_a_longer_wait_that_was_asked_for_is_kept_to() -> None:
    assert seconds(await Postponing().fail(after=90.0)) == 90


async def test_a_shorter_wait_that_was_asked_for_changes_nothing() -> None:
    assert seconds(await Postponing().fail(after=1.0)) == 10


async def test_chance_adds_a_fifth_at_most_and_never_shortens() -> None:
    assert seconds(await Postponing(chance=1.0).fail()) == 12
    assert seconds(await Postponing(chance=0.5).fail(after=20.0)) == 22


async def test_a_long_error_is_cut() -> None:
    postponing = Postponing()
    detail = BUSY.model_copy(update={"message": "x" * 100_000})
    record = Record(TOPIC.name, 3, 7, b"key", b"value")

    await postponing.postponer.postpone(record, envelope(), detail, None)

    assert len(postponing.sent.records[0][3][Header.RETRY_ERROR]) == MAX_ERROR


def test_an_unreadable_count_of_tries_is_none() -> None:
    counts = ["", "-1", "many", "1.5", "²", "nan", "2"]

    read = [tries_of(Record("t", 0, 0, None, b"", {Header.TRIES: count})) for count in counts]

    assert read == [0, 0, 0, 0, 0, 0, 2]
