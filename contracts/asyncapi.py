"""The topics and their records as an AsyncAPI 3.0 document.

The form: www.asyncapi.com/docs/reference/specification/v3.0.0. It is made from the catalogue of topics;
`contracts/asyncapi.json` is its committed text.
"""

from typing import Any, Literal

from pydantic import TypeAdapter

from contracts.headers import DeadReason, Header
from contracts.topics import DEAD_SUFFIX, EVENTS, RETRIES, Topic, catalogue, worker_group

VERSION = "3.0.0"
KAFKA_BINDING = "0.5.0"
SCHEMAS = "#/components/schemas/{model}"

Json = dict[str, Any]  # a part of a JSON document
Schema = tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]  # as in the catalogue

TRACE_HEADERS: Json = {
    Header.CONTENT_TYPE: {"type": "string", "const": "application/json"},
    Header.TRACEPARENT: {"type": "string", "description": "W3C trace context: the span that sent the record"},
    Header.TRACESTATE: {"type": "string", "description": "W3C trace context, passed on unchanged"},
}
JOB_HEADERS: Json = {
    Header.TRIES: {"type": "string", "description": "How often it came back from a retry topic"},
    Header.REDRIVE: {"type": "string", "description": "How often it came back from the dead letters"},
}
RETRY_HEADERS: Json = {
    Header.NOT_BEFORE: {"type": "string", "description": "Unix time in seconds at which it goes back"},
    Header.ORIGIN_TOPIC: {"type": "string", "description": "The topic to which it goes back"},
    Header.RETRY_ERROR: {"type": "string", "description": "The error of the last attempt"},
}
DEAD_HEADERS: Json = {
    Header.DEAD_REASON: {"type": "string", "enum": [reason.value for reason in DeadReason]},
    Header.DEAD_ERROR: {"type": "string", "description": "The error of the last attempt"},
    Header.DEAD_ATTEMPTS: {"type": "string", "description": "How many attempts were made"},
    Header.DEAD_ORIGIN: {"type": "string", "description": "topic/partition/offset of the record"},
    Header.DEAD_WORKER: {"type": "string", "description": "The worker that gave up"},
    Header.DEAD_AT: {"type": "string", "description": "When, in ISO 8601"},
}


def asyncapi_document() -> Json:
    """The whole document."""
    topics = catalogue()
    payloads, schemas = _schemas(topics)
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "jan-server topics",
            "version": "1",
            "description": "What travels between the edge and the workers. Readers ignore unknown fields; "
            "a field is only ever added, optional; anything else is a new topic version.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {name: operation for topic in topics for name, operation in _operations(topic).items()},
        "components": {
            "messages": {topic.name: _message(topic, payloads[topic.name]) for topic in topics},
            "schemas": schemas,
        },
    }


def _schemas(topics: list[Topic]) -> tuple[dict[str, Json], Json]:
    """The schema of each topic's payload by its name, and the schemas that these refer to."""
    inputs: list[Schema] = [(topic.name, "validation", topic.payload) for topic in topics]
    payloads, rest = topics[0].payload.json_schemas(inputs, ref_template=SCHEMAS)
    plain = {name: _plain(schema) for (name, _), schema in payloads.items()}
    return plain, _plain(rest.get("$defs", {}))


def _plain(schema: Any) -> Any:  # any JSON
    """The schema with AsyncAPI's discriminator, which is a property's name and not OpenAPI's object."""
    match schema:
        case {"discriminator": {"propertyName": name}, **rest}:
            return {"discriminator": name, **_plain(rest)}
        case dict():
            return {key: _plain(value) for key, value in schema.items()}
        case list():
            return [_plain(value) for value in schema]
        case _:
            return schema


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "description": topic.summary,
        "messages": {"record": {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _message(topic: Topic, payload: Json) -> Json:
    headers = TRACE_HEADERS | (JOB_HEADERS if topic is not EVENTS else {})
    headers |= RETRY_HEADERS if topic in RETRIES.values() else {}
    headers |= DEAD_HEADERS if topic.name.endswith(DEAD_SUFFIX) else {}
    return {
        "summary": topic.summary,
        "headers": {"type": "object", "properties": headers},
        "payload": payload,
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations(topic: Topic) -> dict[str, Json]:
    """Who does what with a topic: everything is sent, and what has dead letters is worked on."""
    sender = _writers(topic)
    operations = {f"send.{topic.name}": _operation(topic, "send", f"{sender} write: {topic.summary}")}
    if topic.dead_letter:
        group = {"groupId": {"type": "string", "const": worker_group(topic)}, "bindingVersion": KAFKA_BINDING}
        work = _operation(topic, "receive", f"Workers do: {topic.summary}")
        operations[f"work.{topic.name}"] = work | {"bindings": {"kafka": group}}
    return operations


def _writers(topic: Topic) -> str:
    if topic is EVENTS:
        return "Edges and workers"
    return "Edges" if topic.dead_letter and topic not in RETRIES.values() else "Workers"


def _operation(topic: Topic, action: str, summary: str) -> Json:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": summary,
        "messages": [{"$ref": f"{channel}/messages/record"}],
    }
