"""`jan dlq` on real servers: a record that dies is listed, shown and sent back, and not for ever."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.envelope import Lane
from contracts.events import Redriven
from contracts.ids import new_ulid
from contracts.topics import COMPLETION, catalogue
from infra.bus.topics import create_topics
from infra.embedded.server import StackError
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings, KafkaSettings
from tests.contracts.records import envelope
from tests.infra.cli.desk import DEAD, ORIGIN, Desk
from tests.infra.store.scratch import scratch_database

pytestmark = pytest.mark.stack

OTHER = COMPLETION[Lane.PRIORITY].name


@pytest.fixture
def desk(
    kafka: KafkaSettings, database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    loop = asyncio.new_event_loop()
    scratch = scratch_database(database)
    own = loop.run_until_complete(scratch.__aenter__())
    loop.run_until_complete(upgrade(own))
    loop.run_until_complete(create_topics(kafka, catalogue()))
    settings = {
        "JAN_STACK_HOME": str(tmp_path),
        "JAN_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "JAN_KAFKA_FLAVOR": kafka.flavor,
        "JAN_DATABASE_URL": own.url.get_secret_value(),
        "COLUMNS": "240",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    try:
        yield Desk(kafka, new_ulid())
    finally:
        loop.run_until_complete(scratch.__aexit__(None, None, None))
        loop.close()


@pytest.fixture
def job_id() -> str:
    return new_ulid()


def asked(job_id: str, tenant: str = "t1") -> bytes:
    """An envelope, as the edge writes it."""
    now = datetime.now(UTC)
    own = {"job_id": job_id, "tenant": tenant, "asked_at": now, "deadline": now + timedelta(minutes=10)}
    return envelope().model_copy(update=own).model_dump_json().encode()


def test_a_poisonous_record_dies_is_seen_goes_back_and_stays_dead_in_the_end(desk: Desk, job_id: str) -> None:
    desk.produce(job_id, asked(job_id))

    for death in range(1, 4):
        desk.work(job_id, death)
        newest = desk.letters("--job", job_id)[-1]
        assert (newest["reason"], newest["error"], newest["redrive"]) == (
            "poison",
            "Poison: no worker likes it",
            death - 1,
        )
        page = desk.told("show", newest["position"])
        assert (page["value"]["job_id"], page["headers"]["x-dead-worker"]) == (job_id, "w1")
        report = desk.told("redrive", newest["position"])
        assert (report["gone"], report["refused"]) == (1, 0)
        assert desk.records(job_id)[-1].headers["x-redrive"] == str(death)
    desk.work(job_id, 4)

    last = desk.letters("--job", job_id)[-1]
    refused = desk.told("redrive", last["position"], code=4)

    assert "came back 3 times" in refused["letters"][0]["why"]
    assert [event.redrive for event in desk.events(job_id) if isinstance(event, Redriven)] == [1, 2, 3]
    again = [json.loads(record.value) for record in desk.records(job_id)]
    spans = {datetime.fromisoformat(one["deadline"]) for one in again}
    assert len(spans) == len(again) == 4


def test_a_dry_run_changes_nothing(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, asked(job_id))

    report = desk.told("redrive", "--job", job_id, "--dry-run")

    assert [one["outcome"] for one in report["letters"]] == ["would go"]
    assert (desk.records(job_id), desk.events(job_id)) == ([], [])
    assert desk.letters("--job", job_id)[0]["sent_back"] is None
    assert desk.told("redrive", "--job", job_id)["gone"] == 1


def test_a_letter_goes_once_and_the_list_says_that_it_went(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, asked(job_id))
    desk.told("redrive", "--job", job_id)

    again = desk.told("redrive", "--job", job_id, code=4)

    assert "it was sent back at" in again["letters"][0]["why"]
    assert len(desk.records(job_id)) == 1
    assert desk.letters("--job", job_id)[0]["sent_back"]["redrive"] == 1


def test_force_sends_a_letter_again(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, asked(job_id))
    desk.told("redrive", "--job", job_id)

    assert desk.told("redrive", "--job", job_id, "--force")["gone"] == 1
    assert [record.headers["x-redrive"] for record in desk.records(job_id)] == ["1", "2"]


def test_a_limit_is_of_letters_that_go_so_a_second_call_goes_on(desk: Desk) -> None:
    tenant, ids = new_ulid(), [new_ulid() for _ in range(3)]
    for job_id in ids:
        desk.bury(job_id, asked(job_id, tenant))

    first = desk.told("redrive", "--tenant", tenant, "--limit", "2")
    second = desk.told("redrive", "--tenant", tenant, "--limit", "2", code=4)

    assert (first["gone"], first["refused"]) == (2, 0)
    assert (second["gone"], second["refused"]) == (1, 2)
    assert all(len(desk.records(job_id)) == 1 for job_id in ids)


def test_a_job_that_goes_back_gets_its_time_anew(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, asked(job_id), x_tries="3")

    desk.told("redrive", "--job", job_id)

    (record,) = desk.records(job_id)
    fields = json.loads(record.value)
    assert "x-tries" not in record.headers
    assert fields["reply_to"] is None
    assert datetime.fromisoformat(fields["deadline"]) > envelope().deadline


def test_filters_meet(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, asked(job_id))

    def found(*words: str) -> int:
        return len(desk.letters("--job", job_id, *words))

    assert found("--topic", ORIGIN.name, "--reason", "attempts_exhausted", "--error", "AGAIN") == 1
    assert found("--since", "2026-06-01T11:59", "--until", "2026-06-01T14:01+02:00") == 1
    assert found("--topic", OTHER) == 0
    assert found("--reason", "poison") == 0
    assert found("--until", "2026-06-01T12:00") == 0


def test_what_strangers_wrote_does_not_steer_the_terminal(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, b"\x1b[2J[bold]\xff", x_dead_error="Poison: \x1b]0;owned\x07 [red]")
    (letter,) = desk.letters("--job", job_id)

    listed, shown = desk.jan("list", "--job", job_id), desk.jan("show", letter["position"])

    for said in (listed, shown):
        assert said.exit_code == 0
        assert "\x1b]0" not in said.stdout
        assert "\\x1b]0;owned\\x07 [red]" in said.stdout
    assert desk.told("show", letter["position"])["value_base64"]


def test_a_table_says_what_was_sent_and_what_was_refused(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, asked(job_id))

    sent, refused = desk.jan("redrive", "--job", job_id), desk.jan("redrive", "--job", job_id)

    assert "1 sent, 0 refused" in sent.stdout
    assert "0 sent, 1 refused" in refused.stdout
    assert "it was sent back at" in refused.stdout


def test_no_letters_are_said_to_be_none(desk: Desk) -> None:
    assert "No dead letters" in desk.jan("list", "--tenant", new_ulid()).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["redrive"], "say --all"),
        (["redrive", "--all", "--tenant", "t1"], "choose one"),
        (["redrive", "nonsense"], "no position"),
        (["show", "nonsense"], "no position"),
        (["list", "--topic", "nowhere.v1"], "no dead letters are kept"),
        (["list", "--since", "yesterday"], "no moment"),
    ],
)
def test_words_that_are_not_understood_are_answered_in_a_sentence(
    desk: Desk, words: list[str], said: str
) -> None:
    result = desk.jan(*words)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_a_letter_that_is_not_there_is_an_error_and_nothing_goes(desk: Desk, job_id: str) -> None:
    desk.bury(job_id, asked(job_id))
    (letter,) = desk.letters("--job", job_id)
    missing = f"{DEAD.name}/0/99999999"

    result = desk.jan("redrive", letter["position"], missing)

    assert isinstance(result.exception, StackError)
    assert missing in str(result.exception)
    assert desk.records(job_id) == []


def test_letters_are_seen_while_the_database_is_away(
    desk: Desk, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.bury(job_id, asked(job_id))
    monkeypatch.setenv("JAN_DATABASE_URL", "postgresql://jan:jan@127.0.0.1:1/jan")

    listed, sent = desk.jan("list", "--job", job_id), desk.jan("redrive", "--job", job_id)

    assert listed.exit_code == 0
    assert "The database does not answer" in listed.stderr
    assert isinstance(sent.exception, StackError)
    assert desk.records(job_id) == []


def test_a_broker_that_is_away_is_said_in_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAN_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("JAN_KAFKA_REQUEST_TIMEOUT_MS", "1000")

    result = desk.jan("list")

    assert isinstance(result.exception, StackError)
