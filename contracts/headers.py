"""The names of record headers on job topics, retry topics and dead letters; values are text."""

from enum import StrEnum


class Header(StrEnum):
    """A header of a Kafka record."""

    CONTENT_TYPE = "content-type"
    TRACEPARENT = "traceparent"
    TRACESTATE = "tracestate"
    TRIES = "x-tries"
    """On a job topic: how often the job came back from a retry topic. None is 0."""
    NOT_BEFORE = "x-not-before"
    """On a retry topic: Unix time in seconds at which the record goes back."""
    ORIGIN_TOPIC = "x-origin-topic"
    """On a retry topic: where it goes back to."""
    RETRY_ERROR = "x-retry-error"
    """On a retry topic: why the last attempt failed."""
    REDRIVE = "x-redrive"
    """How often the record came back from the dead letters. None is 0."""
    SPAN = "x-span"
    """On a record that came back: seconds from asked to deadline, as they were when the job was accepted."""
    DEAD_REASON = "x-dead-reason"
    DEAD_ERROR = "x-dead-error"
    DEAD_ATTEMPTS = "x-dead-attempts"
    DEAD_ORIGIN = "x-dead-origin"
    DEAD_WORKER = "x-dead-worker"
    DEAD_AT = "x-dead-at"


class DeadReason(StrEnum):
    """Why a record is a dead letter."""

    POISON = "poison"
    """No attempt could ever succeed: not JSON, unknown version, too old, too big."""
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
