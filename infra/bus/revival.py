"""A dead letter as a record of its job topic again."""

import math
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from contracts.headers import Header
from contracts.topics import Topic
from infra.bus.dead import dead_topics, origin_of
from infra.bus.letter import DeadLetter
from infra.bus.line import Outgoing

MAX_SPAN = 31 * 86_400.0
"""Seconds; a job that says it had longer is not believed."""
LEFT_BEHIND = frozenset(
    {
        Header.DEAD_REASON,
        Header.DEAD_ERROR,
        Header.DEAD_ATTEMPTS,
        Header.DEAD_ORIGIN,
        Header.DEAD_WORKER,
        Header.DEAD_AT,
        Header.TRIES,
    }
)
"""What a letter says of its death, and how often its job waited: it begins anew."""


def origin_topic(letter: DeadLetter) -> Topic:
    """Where a letter goes back to: the catalogue says so, whatever its headers say."""
    return origin_of(next(topic for topic in dead_topics() if topic.name == letter.place.topic))


def revived(letter: DeadLetter, redrive: int, now: datetime) -> Outgoing:
    """The record that goes back, for the `redrive`-th time.

    A job gets as much time from now on as it had when it was accepted, and nobody waits for it at a
    connection any more. What is no job goes back as it is.
    """
    topic, record = origin_topic(letter), letter.record
    headers = {name: text for name, text in record.headers.items() if name not in LEFT_BEHIND}
    headers[Header.REDRIVE] = str(redrive)
    value, span = record.value, _span(letter, topic)
    if span is not None:
        headers[Header.SPAN] = f"{span:.3f}"
        value = _renewed(value, now + timedelta(seconds=span))
    return Outgoing(topic.name, record.key or b"", value, headers)


def _span(letter: DeadLetter, topic: Topic) -> float | None:
    """Seconds that the job had from asked to deadline; None for what is no job of the topic."""
    try:
        envelope = topic.payload.validate_json(letter.record.value)
    except ValidationError:
        return None
    told = _seconds(letter.record.headers.get(Header.SPAN, ""))
    return told or max((envelope.deadline - envelope.asked_at).total_seconds(), 0.0)


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 < found < MAX_SPAN else None


def _renewed(value: bytes, deadline: datetime) -> bytes:
    """The envelope with another deadline; fields that are unknown here stay as they are."""
    fields = from_json(value)
    fields |= {"deadline": deadline.astimezone(UTC).isoformat(), "reply_to": None}
    return to_json(fields, inf_nan_mode="constants")
