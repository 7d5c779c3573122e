"""A dead letter is the record as it was, with its reason, and whoever waits is told."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.headers import Header
from contracts.topics import COMPLETION, Topic
from infra.bus.errors import BusUnavailable, Exhausted, Poison
from infra.bus.record import Record
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.runtime.dead import MAX_ERROR, DeadLetters

TOPIC = COMPLETION[Lane.DEFAULT]
CAME_WITH = {"traceparent": "00-1", "x-tries": "2", "x-redrive": "1", "theirs": "kept"}
RECORD = Record(TOPIC.name, 3, 7, b"key", b"\xffvalue", CAME_WITH)
BUSY = ApiError(ErrorCode.PROVIDER_RATE_LIMITED, "The provider is busy").detail


class Sent:
    """Keeps what was sent and told; the first mournings may fail."""

    def __init__(self, failures: int = 0) -> None:
        self.letters: list[tuple[str, bytes, bytes, Mapping[str, str]]] = []
        self.told: list[ErrorDetail] = []
        self.failures = failures

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        self.letters.append((topic.name, key, value, headers))

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        if self.failures:
            self.failures -= 1
            raise BusUnavailable("away")
        self.told.append(error)

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the one letter."""
        ((_, _, _, headers),) = self.letters
        return headers


def letters_of(sent: Sent, registry: CollectorRegistry) -> DeadLetters:
    return DeadLetters([TOPIC], sent, sent, "w1", WorkerMetrics(registry))


async def buried(error: BaseException, attempts: int) -> tuple[Sent, CollectorRegistry]:
    sent, registry = Sent(), CollectorRegistry()
    await letters_of(sent, registry).bury(RECORD, error, attempts)
    return sent, registry


async def test_poison_keeps_its_record_and_tells_why() -> None:
    sent, registry = await buried(Poison("not an envelope"), 1)

    ((name, key, value, headers),) = sent.letters
    assert (name, key, value) == ("jobs.completion.default.dead.v1", b"key", b"\xffvalue")
    assert headers[Header.DEAD_REASON] == "poison"
    assert headers[Header.DEAD_ERROR] == "Poison: not an envelope"
    assert headers[Header.DEAD_ORIGIN] == f"{TOPIC.name}/3/7"
    assert headers[Header.DEAD_WORKER] == "w1"
    labels = {"topic": TOPIC.name, "reason": "poison"}
    assert registry.get_sample_value("jan_dead_letters_total", labels) == 1


async def test_every_header_that_the_record_came_with_is_kept() -> None:
    sent, _ = await buried(Poison("not an envelope"), 1)

    assert {name: sent.headers[name] for name in CAME_WITH} == CAME_WITH


async def test_a_letter_tells_when_it_was_written() -> None:
    before = datetime.now(UTC)

    sent, _ = await buried(Poison("not an envelope"), 1)

    assert before <= datetime.fromisoformat(sent.headers[Header.DEAD_AT]) <= datetime.now(UTC)


async def test_exhausted_attempts_are_counted_and_the_caller_is_told() -> None:
    sent, _ = await buried(RuntimeError("again and again"), 3)

    assert sent.headers[Header.DEAD_REASON] == "attempts_exhausted"
    assert sent.headers[Header.DEAD_ATTEMPTS] == "3"
    assert sent.headers[Header.DEAD_ERROR] == "RuntimeError: again and again"
    assert [error.status for error in sent.told] == [500]


async def test_an_exhausted_job_tells_its_caller_the_failure_of_its_last_attempt() -> None:
    sent, registry = await buried(Exhausted(BUSY, 4), 4)

    assert sent.told == [BUSY]
    assert sent.headers[Header.DEAD_REASON] == "attempts_exhausted"
    assert sent.headers[Header.DEAD_ATTEMPTS] == "4"
    assert sent.headers[Header.DEAD_ERROR] == "provider_rate_limited: The provider is busy"
    labels = {"topic": TOPIC.name, "reason": "attempts_exhausted"}
    assert registry.get_sample_value("jan_dead_letters_total", labels) == 1


async def test_a_letter_names_the_error_behind_an_exhausted_job() -> None:
    exhausted = Exhausted(BUSY, 4)
    exhausted.__cause__ = ConnectionResetError("by peer")

    sent, _ = await buried(exhausted, 4)

    assert sent.headers[Header.DEAD_ERROR] == "ConnectionResetError: by peer"


async def test_a_long_error_is_cut() -> None:
    sent, _ = await buried(RuntimeError("x" * 100_000), 3)

    assert len(sent.headers[Header.DEAD_ERROR]) == MAX_ERROR


async def test_a_burial_that_is_tried_again_leaves_one_letter() -> None:
    sent, error = Sent(failures=1), RuntimeError("again and again")
    letters = letters_of(sent, CollectorRegistry())
    with pytest.raises(BusUnavailable):
        await letters.bury(RECORD, error, 3)

    await letters.bury(RECORD, error, 3)

    assert (len(sent.letters), len(sent.told)) == (1, 1)
