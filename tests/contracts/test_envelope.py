"""Envelopes of other versions are read, and an envelope never changes on the way."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from contracts.envelope import AuthMethod, Lane
from contracts.jobs import CompletionEnvelope, ObjectRef
from tests.contracts.records import JOB, LATER, envelope

OLDEST = {
    "job_id": JOB,
    "kind": "completion",
    "tenant": "t1",
    "caller": {"user_id": "u1", "tenant": "t1"},
    "lane": "default",
    "asked_at": "2026-11-22T12:00:00Z",
    "deadline": "2026-11-22T12:10:00Z",
    "job": {"model": "smollm2"},
}
"""What a writer must write at least; it never grows, since only optional fields are added."""


@pytest.mark.parametrize("ref", [None, ObjectRef(bucket="jan", key="k", size=1)])
def test_what_was_written_is_what_is_read(ref: ObjectRef | None) -> None:
    sent = envelope(ref=ref)

    assert CompletionEnvelope.model_validate_json(sent.model_dump_json()) == sent


def test_a_body_reaches_the_reader_as_it_was_with_zeros_and_unknown_fields() -> None:
    body = {"temperature": 0, "seed": 2**53, "n": None, "x_own": {"deep": [1.5, "ü", False]}}
    sent = envelope()
    sent = sent.model_copy(update={"job": sent.job.model_copy(update={"body": body})})

    read = CompletionEnvelope.model_validate_json(sent.model_dump_json())

    assert read.job.body == body


def test_a_record_of_the_oldest_writer_is_read() -> None:
    read = CompletionEnvelope.model_validate_json(json.dumps(OLDEST))

    assert read.attempt_hint == 1
    assert read.caller.auth_method is AuthMethod.JWT
    assert read.reply_to is None
    assert read.job.stream is False


def test_a_record_of_a_newer_writer_is_read_without_what_is_not_known() -> None:
    newer = json.loads(envelope().model_dump_json())
    newer["added_later"] = {"a": 1}
    newer["caller"]["added_later"] = True
    newer["job"]["added_later"] = [1]

    assert CompletionEnvelope.model_validate_json(json.dumps(newer)) == envelope()


@pytest.mark.parametrize("field", sorted(OLDEST))
def test_a_record_without_a_needed_field_is_poison(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        CompletionEnvelope.model_validate(OLDEST | {field: None})


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        CompletionEnvelope.model_validate(OLDEST | {"asked_at": "2026-11-22T12:00:00"})


def test_an_envelope_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        envelope().lane = Lane.BATCH  # type: ignore[misc]


def test_a_job_expires_at_its_deadline_and_not_before() -> None:
    assert not envelope().is_expired(LATER - timedelta(microseconds=1))
    assert envelope().is_expired(LATER)


def test_without_a_moment_the_clock_decides() -> None:
    late = envelope().model_copy(update={"deadline": datetime.now(UTC) - timedelta(seconds=1)})
    early = envelope().model_copy(update={"deadline": datetime.now(UTC) + timedelta(minutes=1)})

    assert late.is_expired()
    assert not early.is_expired()


def test_a_record_of_another_version_is_poison() -> None:
    with pytest.raises(ValidationError, match="version"):
        CompletionEnvelope.model_validate(OLDEST | {"version": 2})
