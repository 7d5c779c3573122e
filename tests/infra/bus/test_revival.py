"""What goes back to a job topic."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from contracts.jobs import CompletionEnvelope
from contracts.topics import RETRIES, dead_topic
from infra.bus.letter import letter_of
from infra.bus.record import Record
from infra.bus.revival import revived
from tests.contracts.records import LATER, NOON, envelope
from tests.infra.bus.letters import HEADERS, ORIGIN, letter

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SPAN = LATER - NOON
VALUE = envelope().model_dump_json().encode()


def test_a_job_gets_the_time_that_it_had_at_first_and_nobody_waits_for_it() -> None:
    back = revived(letter(VALUE), 1, NOW)

    again = CompletionEnvelope.model_validate_json(back.value)
    assert (back.topic, back.key) == (ORIGIN.name, b"key")
    assert again == envelope().model_copy(update={"deadline": NOW + SPAN, "reply_to": None})


def test_headers_of_its_death_and_its_tries_stay_behind() -> None:
    back = revived(letter(VALUE, {**HEADERS, "theirs": "kept"}), 2, NOW)

    assert back.headers == {
        "traceparent": HEADERS["traceparent"],
        "theirs": "kept",
        "x-redrive": "2",
        "x-span": f"{SPAN.total_seconds():.3f}",
    }


def test_a_job_that_comes_back_again_does_not_get_more_time() -> None:
    first = revived(letter(VALUE), 1, NOW)

    second = revived(letter(first.value, first.headers), 2, NOW + timedelta(days=3))

    again = CompletionEnvelope.model_validate_json(second.value)
    assert again.deadline == NOW + timedelta(days=3) + SPAN


@pytest.mark.parametrize("span", ["nan", "inf", "-1", "0", "long", "1e9"])
def test_a_time_that_makes_no_sense_is_not_believed(span: str) -> None:
    back = revived(letter(VALUE, {"x-span": span}), 1, NOW)

    assert CompletionEnvelope.model_validate_json(back.value).deadline == NOW + SPAN


def test_fields_that_are_unknown_here_stay() -> None:
    newer = json.loads(VALUE) | {"added_later": {"deep": [1, 2.5, None]}}

    back = revived(letter(json.dumps(newer).encode()), 1, NOW)

    assert json.loads(back.value)["added_later"] == {"deep": [1, 2.5, None]}


@pytest.mark.parametrize("value", [b"", b"\x00\xff", b"{}", b'{"job_id": "one", "version": 99}'])
def test_what_is_no_job_goes_back_as_it_is(value: bytes) -> None:
    back = revived(letter(value), 1, NOW)

    assert (back.value, "x-span" in back.headers) == (value, False)


def test_a_letter_of_a_retry_topic_goes_back_there() -> None:
    retry = RETRIES[60]
    dead = letter_of(Record(dead_topic(retry).name, 0, 1, None, VALUE, {"x-origin-topic": ORIGIN.name}))

    back = revived(dead, 1, NOW)

    assert (back.topic, back.key, back.headers["x-origin-topic"]) == (retry.name, b"", ORIGIN.name)


def test_where_it_goes_is_not_left_to_the_letter() -> None:
    forged = letter(VALUE, {**HEADERS, "x-dead-origin": "events.v1/0/0"})

    assert revived(forged, 1, NOW).topic == ORIGIN.name
