"""`jan ledger`: how far it is, and all of it once more, on a real broker and a real database."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import Result

from contracts.envelope import Lane
from contracts.events import Accepted, Event
from contracts.ids import new_ulid
from contracts.topics import EVENTS
from infra.bus.producer import open_producer
from infra.database import open_database
from infra.embedded.server import StackError
from infra.settings import KafkaSettings
from infra.store.jobs import StoredJob, job_of
from tests.conftest import run
from tests.infra.cli.conftest import Terminal

pytestmark = pytest.mark.stack


def post(kafka: KafkaSettings, *events: Event) -> None:
    async def send() -> None:
        async with open_producer(kafka) as producer:
            for event in events:
                await producer.send(EVENTS, event.job_id.encode(), event.model_dump_json().encode(), {})

    run(send())


def accepted(lane: Lane = Lane.FLEX) -> Accepted:
    now = datetime.now(UTC)
    return Accepted(job_id=new_ulid(), tenant="t1", at=now, kind="completion", lane=lane, user_id="u1")


def stored(terminal: Terminal, job_id: str) -> StoredJob | None:
    async def read() -> StoredJob | None:
        async with open_database(terminal.database) as database, database.begin() as session:
            return await job_of(session, job_id)

    return run(read())


def status(terminal: Terminal) -> dict[str, object]:
    said = terminal.jan("ledger", "status", "--json")
    assert said.exit_code == 0, said.output
    found: dict[str, object] = json.loads(said.stdout)
    return found


def rebuild(terminal: Terminal, capfd: pytest.CaptureFixture[str]) -> tuple[Result, str]:
    result = terminal.jan("ledger", "rebuild")
    return result, capfd.readouterr().out


@pytest.mark.kafka
def test_a_ledger_that_folded_nothing_lags_and_a_rebuilt_one_does_not(
    terminal: Terminal, capfd: pytest.CaptureFixture[str]
) -> None:
    events = [accepted() for _ in range(30)]
    post(terminal.kafka, *events)
    behind = status(terminal)

    said, words = rebuild(terminal, capfd)

    assert said.exit_code == 0, words
    assert "records read" in words
    assert "jobs differed" in words
    assert isinstance(behind["lag"], int)
    assert behind["lag"] >= 30
    assert status(terminal)["lag"] == 0
    for event in events:
        job = stored(terminal, event.job_id)
        assert job is not None
        assert (job.tenant, job.view.lane) == ("t1", "flex")


@pytest.mark.kafka
def test_open_jobs_are_counted_by_lane_and_state(
    terminal: Terminal, capfd: pytest.CaptureFixture[str]
) -> None:
    post(terminal.kafka, accepted(Lane.BATCH))
    rebuild(terminal, capfd)

    said = terminal.jan("ledger", "status")

    assert "folded up to" in said.stdout
    assert "0 events wait to be folded." in said.stdout
    assert any(line.split()[:1] == ["batch"] for line in said.stdout.splitlines())


def test_a_broker_that_is_away_is_said_in_a_sentence(
    terminal: Terminal, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAN_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("JAN_KAFKA_REQUEST_TIMEOUT_MS", "1000")

    said, _ = rebuild(terminal, capfd)
    asked = terminal.jan("ledger", "status")

    assert said.exit_code == 1
    assert isinstance(asked.exception, StackError)


def test_nothing_is_rebuilt_from_a_broker_that_does_not_tell_its_ends(
    terminal: Terminal, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAN_KAFKA_FLAVOR", "tansu")

    result = terminal.jan("ledger", "rebuild")

    assert result.exit_code == 1
    assert "nothing is rebuilt" in capfd.readouterr().err
