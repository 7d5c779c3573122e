"""What a dead letter tells, also when it is not what anyone expected."""

from datetime import UTC, datetime

import pytest

from infra.bus.letter import Place, place_of
from tests.contracts.records import JOB, envelope
from tests.infra.bus.letters import DEAD, HEADERS, MOMENT, ORIGIN, TRACE, letter

VALUE = envelope().model_dump_json().encode()


def test_a_letter_tells_why_when_and_of_which_job() -> None:
    dead = letter(VALUE, {**HEADERS, "x-redrive": "2"})

    assert dead.place == Place(DEAD.name, 0, 17)
    assert dead.origin == Place(ORIGIN.name, 3, 7)
    assert (dead.at, dead.reason, dead.error) == (
        MOMENT,
        "attempts_exhausted",
        "RuntimeError: Again and again",
    )
    assert (dead.attempts, dead.worker, dead.redrive) == (4, "w1", 2)
    assert (dead.job_id, dead.tenant, dead.trace_id) == (JOB, "t1", TRACE)
    assert dead.size == len(VALUE)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"7",
        b'{"job_id": 7, "tenant": []}',
        b"[" * 100_000,
        b'{"job_id": "' + b"x" * 999,
    ],
)
def test_a_value_that_is_no_job_names_none(value: bytes) -> None:
    dead = letter(value)

    assert (dead.job_id, dead.tenant) == (None, None)


def test_a_job_is_read_from_a_value_that_is_no_envelope() -> None:
    dead = letter(b'{"job_id": "one", "tenant": "t1", "version": 99}')

    assert (dead.job_id, dead.tenant) == ("one", "t1")


def test_a_key_that_is_an_id_names_the_job_of_an_unreadable_value() -> None:
    assert letter(b"\xff", key=JOB.encode()).job_id == JOB
    assert letter(b"\xff", key=b"\xff").job_id is None
    assert letter(b"\xff", key=None).job_id is None


def test_headers_that_are_missing_or_senseless_are_read_as_nothing() -> None:
    missing = letter(VALUE, {})
    senseless = letter(
        VALUE,
        {
            "x-dead-attempts": "many",
            "x-redrive": "-3",
            "x-dead-origin": "somewhere/else",
            "x-dead-at": "yesterday",
            "traceparent": "no",
        },
    )

    for dead in (missing, senseless):
        assert (dead.attempts, dead.redrive, dead.origin, dead.trace_id) == (0, 0, None, None)
        assert dead.at == datetime.fromtimestamp(1, UTC)
    assert (missing.reason, missing.error, missing.worker) == ("unknown", "", "")


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert letter(VALUE, {"x-dead-at": "2026-06-01T12:00:00"}).at == MOMENT


def test_a_place_is_written_and_read_alike() -> None:
    place = Place(DEAD.name, 0, 17)

    assert place_of(str(place)) == place


@pytest.mark.parametrize(
    "text", ["", "topic", "topic/0", "topic/0/x", "topic/-1/3", "a b/0/1", "t/0/" + "9" * 19]
)
def test_other_texts_are_no_places(text: str) -> None:
    assert place_of(text) is None
