"""The catalogue of topics is complete, named by the rules, and fit for a broker."""

import re

import pytest

from contracts.envelope import Lane
from contracts.topics import (
    COMPLETION,
    DAY_MS,
    DEAD_SUFFIX,
    EVENTS,
    Topic,
    catalogue,
    dead_topic,
    worker_group,
)
from tests.contracts.records import records_of

NAME = re.compile(r"[a-z]+(\.[a-z0-9]+)*\.v[1-9]")
MAX_NAME = 249
"""The longest name that Kafka takes."""


def named(topic: Topic) -> str:
    """What a case is called."""
    return topic.name


def test_each_lane_has_its_topic_with_its_dead_letters() -> None:
    names = {topic.name for topic in catalogue()}

    for lane in Lane:
        assert f"jobs.completion.{lane.value}.v1" in names
        assert f"jobs.completion.{lane.value}.dead.v1" in names


def test_the_catalogue_is_in_order_and_names_nothing_twice() -> None:
    names = [topic.name for topic in catalogue()]

    assert names == sorted(set(names))
    assert EVENTS.name in names


@pytest.mark.parametrize("topic", catalogue(), ids=named)
def test_a_topic_is_fit_for_a_broker(topic: Topic) -> None:
    assert NAME.fullmatch(topic.name)
    assert len(topic.name) <= MAX_NAME
    assert topic.partitions >= 1
    assert topic.retention_ms >= 7 * DAY_MS
    assert topic.summary
    assert topic.key


@pytest.mark.parametrize("topic", catalogue(), ids=named)
def test_a_topic_checks_and_describes_its_records(topic: Topic) -> None:
    for record in records_of(topic):
        assert topic.payload.validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("topic", COMPLETION.values(), ids=named)
def test_dead_letters_keep_the_record_as_it_was_and_for_longer(topic: Topic) -> None:
    dead = dead_topic(topic)

    assert dead.name == topic.dead_letter
    assert dead.payload is topic.payload
    assert dead.retention_ms > topic.retention_ms
    assert dead.dead_letter is None


def test_dead_letters_of_a_topic_that_names_none_are_named_by_the_rule() -> None:
    assert dead_topic(EVENTS).name == f"events{DEAD_SUFFIX}"


def test_each_topic_has_a_group_of_workers_of_its_own() -> None:
    groups = [worker_group(topic) for topic in catalogue()]

    assert len(set(groups)) == len(groups)
