"""A dead letter is the record as it was, with its reason, and whoever waits is told."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from contracts.envelope import Lane
from contracts.errors import ErrorDetail
from contracts.topics import COMPLETION, Topic
from infra.bus.errors import Poison
from infra.bus.record import Record
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.runtime.dead import DeadLetters

TOPIC = COMPLETION[Lane.DEFAULT]
RECORD = Record(TOPIC.name, 3, 7, b"key", b"\xffvalue", {"traceparent": "00-1"})


class Sent:
    """Keeps what was sent and told."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, bytes, bytes, Mapping[str, str]]] = []
        self.told: list[ErrorDetail] = []

    async def send(self, topic: Topic, key: bytes, value: bytes, headers: Mapping[str, str]) -> None:
        self.letters.append((topic.name, key, value, headers))

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        self.told.append(error)


async def buried(error: Exception, attempts: int) -> tuple[Sent, CollectorRegistry]:
    sent, registry = Sent(), CollectorRegistry()
    letters = DeadLetters([TOPIC], sent, sent, "w1", WorkerMetrics(registry))
    await letters.bury(RECORD, error, attempts)
    return sent, registry


async def test_poison_keeps_its_record_and_tells_why() -> None:
    sent, registry = await buried(Poison("not an envelope"), 1)

    ((name, key, value, headers),) = sent.letters
    assert (name, key, value) == ("jobs.completion.default.dead.v1", b"key", b"\xffvalue")
    assert headers["traceparent"] == "00-1"
    assert headers["x-dead-reason"] == "poison"
    assert headers["x-dead-error"] == "Poison: not an envelope"
    assert headers["x-dead-origin"] == f"{TOPIC.name}/3/7"
    labels = {"topic": TOPIC.name, "reason": "poison"}
    assert registry.get_sample_value("jan_dead_letters_total", labels) == 1


async def test_exhausted_attempts_are_counted_and_the_caller_is_told() -> None:
    sent, _ = await buried(RuntimeError("again and again"), 3)

    assert sent.letters[0][3]["x-dead-reason"] == "attempts_exhausted"
    assert sent.letters[0][3]["x-dead-attempts"] == "3"
    assert [error.status for error in sent.told] == [500]
