"""The document is what the code makes, is AsyncAPI 3.0, and describes the records that are written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator

from contracts.asyncapi import Json, asyncapi_document
from contracts.topics import Topic, catalogue, dead_topic
from tests.contracts.records import records_of

COMMITTED = Path(__file__).parents[2] / "contracts" / "asyncapi.json"
DRAFTS = [Draft7Validator, Draft202012Validator]
"""AsyncAPI's own schemas are draft 7 and more; pydantic writes 2020-12. Ours must mean the same in both."""


@pytest.fixture(scope="module")
def document() -> Json:
    """What the code makes."""
    return asyncapi_document()


def named(topic: Topic) -> str:
    """What a case is called."""
    return topic.name


def test_the_committed_document_is_what_the_code_makes(document: Json) -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))

    assert committed == document, "out of date: run `just contracts`"


def test_it_is_asyncapi_3(document: Json) -> None:
    read = ApplicationSchema.model_validate(document)

    assert read.asyncapi == "3.0.0"
    assert set(read.channels) == {topic.name for topic in catalogue()}
    for channel in read.channels.values():
        assert channel.bindings is not None
        assert channel.bindings.kafka is not None


def test_every_reference_leads_to_something(document: Json) -> None:
    found = list(references(document))

    assert len(found) > len(catalogue())
    for reference in found:
        assert isinstance(resolved(document, reference), dict), reference


def test_every_discriminator_is_the_name_of_a_property(document: Json) -> None:
    assert document["components"]["messages"]["events.v1"]["payload"]["discriminator"] == "type"
    assert "propertyName" not in json.dumps(document)


@pytest.mark.parametrize("topic", catalogue(), ids=named)
def test_a_channel_says_what_the_broker_is_told(document: Json, topic: Topic) -> None:
    channel = document["channels"][topic.name]
    kafka = channel["bindings"]["kafka"]

    assert channel["address"] == kafka["topic"] == topic.name
    assert kafka["partitions"] == topic.partitions
    assert kafka["topicConfiguration"]["retention.ms"] == topic.retention_ms


@pytest.mark.parametrize("topic", catalogue(), ids=named)
def test_every_topic_is_written_by_somebody(document: Json, topic: Topic) -> None:
    operation = document["operations"][f"send.{topic.name}"]

    assert operation["action"] == "send"
    assert operation["channel"] == {"$ref": f"#/channels/{topic.name}"}


def test_job_topics_and_no_others_are_worked_on(document: Json) -> None:
    worked = {name for name, operation in document["operations"].items() if operation["action"] == "receive"}

    assert worked == {f"work.{topic.name}" for topic in catalogue() if topic.dead_letter}


def test_dead_letters_say_why_in_their_headers(document: Json) -> None:
    messages = document["components"]["messages"]

    for topic in catalogue():
        if topic.dead_letter:
            assert "x-dead-reason" in messages[dead_topic(topic).name]["headers"]["properties"]
            assert "x-dead-reason" not in messages[topic.name]["headers"]["properties"]


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("topic", catalogue(), ids=named)
def test_what_is_written_is_as_described(document: Json, topic: Topic, draft: type[Validator]) -> None:
    schema = payload_schema(document, topic)
    draft.check_schema(schema)

    for record in records_of(topic):
        draft(schema).validate(json.loads(record.model_dump_json()))


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("topic", catalogue(), ids=named)
def test_what_is_no_record_is_not_as_described(document: Json, topic: Topic, draft: type[Validator]) -> None:
    validator = draft(payload_schema(document, topic))
    record = json.loads(records_of(topic)[0].model_dump_json())

    assert not validator.is_valid({})
    assert not validator.is_valid(record | {"job_id": 7})
    assert not validator.is_valid({name: value for name, value in record.items() if name != "tenant"})


def payload_schema(document: Json, topic: Topic) -> Json:
    """The schema of a topic's records, with what it refers to."""
    return {**document["components"]["messages"][topic.name]["payload"], "components": document["components"]}


def references(part: Any) -> Iterator[str]:
    """Every `$ref` of a document."""
    match part:
        case {"$ref": str() as reference}:
            yield reference
        case dict():
            for value in part.values():
                yield from references(value)
        case list():
            for value in part:
                yield from references(value)


def resolved(document: Json, reference: str) -> Any:
    """What a reference inside the document leads to."""
    part: Any = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part
