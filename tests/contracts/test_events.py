"""Events are told apart by their type, and each job's story has one kind of end."""

import json
from typing import get_args

import pytest
from pydantic import ValidationError

from contracts.events import EVENT, TERMINAL_EVENTS, Event, Finished
from tests.contracts.records import JOB, events

KINDS = get_args(get_args(Event)[0])


def test_there_is_an_example_of_every_kind() -> None:
    assert [type(event) for event in events()] == list(KINDS)


@pytest.mark.parametrize("event", events(), ids=lambda event: event.type)
def test_an_event_is_read_as_the_kind_that_was_written(event: Event) -> None:
    read = EVENT.validate_json(event.model_dump_json())

    assert read == event
    assert type(read) is type(event)


@pytest.mark.parametrize("event", events(), ids=lambda event: event.type)
def test_a_field_that_a_newer_writer_added_is_ignored(event: Event) -> None:
    newer = json.loads(event.model_dump_json()) | {"added_later": 1}

    assert EVENT.validate_python(newer) == event


def test_the_ends_are_finished_failed_and_cancelled() -> None:
    assert {event.type for event in events() if isinstance(event, TERMINAL_EVENTS)} == {
        "finished",
        "failed",
        "cancelled",
    }


@pytest.mark.parametrize("kind", ["", "Finished", "unheard_of", None])
def test_an_unheard_of_kind_is_refused(kind: str | None) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_python({"type": kind, "job_id": JOB, "tenant": "t1", "at": "2026-11-22T12:00:00Z"})


def test_usage_of_an_older_writer_counts_nothing_that_it_did_not_tell() -> None:
    text = json.dumps(
        {
            "type": "finished",
            "job_id": JOB,
            "tenant": "t1",
            "at": "2026-11-22T12:00:00Z",
            "attempt": 1,
            "usage": {"input_tokens": 3},
        }
    )

    read = EVENT.validate_json(text)

    assert isinstance(read, Finished)
    assert read.usage is not None
    assert (read.usage.output_tokens, read.usage.cached_tokens, read.usage.estimated) == (0, 0, False)
