"""What OpenAPI says of sending files, made of the contracts by which they are checked."""

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from api_edge.llm.document import REF
from api_edge.media.uploads import ASK_PATH, UPLOAD_PATH
from contracts.errors import ErrorCode
from contracts.wire.media import MIMES, Media, MediaAccepted, MediaAsk

JsonObject = dict[str, Any]  # an OpenAPI document

CODES = (
    ErrorCode.STORAGE_QUOTA_EXCEEDED,
    ErrorCode.BODY_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.OVERLOADED,
    ErrorCode.CANCELLED,
    ErrorCode.WORKER_LOST,
    ErrorCode.ATTEMPTS_EXHAUSTED,
    ErrorCode.STREAM_LOST,
    ErrorCode.SERVER_DRAINING,
    ErrorCode.DEADLINE_EXCEEDED,
)
PREFER: JsonObject = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`respond-async` (RFC 7240): answer 202 as soon as the file is accepted, and not when it "
    "has been looked at",
    "schema": {"type": "string", "examples": ["respond-async"]},
}
ABOUT = (
    f"Taken in: {', '.join(MIMES)}, as the content tells; its sender must not say otherwise. The same bytes "
    "again are the same media. The answer comes when the file has been looked at and stored."
)


def add_uploads(document: JsonObject) -> JsonObject:
    """The document with both ways of sending a file in it."""
    models = [(model, "validation") for model in (MediaAsk,)] + [
        (model, "serialization") for model in (Media, MediaAccepted)
    ]
    _, schemas = models_json_schema(models, ref_template=REF)  # type: ignore[arg-type]  # its own literals
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
    document["paths"].setdefault(ASK_PATH, {}).update({"post": _asking()})
    document["paths"].setdefault(UPLOAD_PATH, {}).update({"post": _uploading()})
    return document


def _asking() -> JsonObject:
    extra = MediaAsk.model_config.get("json_schema_extra")
    assert isinstance(extra, dict)  # noqa: S101  it has one
    body = {"schema": _ref("MediaAsk"), "example": extra["example"]}
    return _operation(
        "create_media",
        "Take in a data URL, or a remote file",
        ABOUT + " A remote file is fetched by http or https from public addresses only, within 15 seconds.",
        {"application/json": body},
        [*CODES, ErrorCode.ADDRESS_REFUSED],
    )


def _uploading() -> JsonObject:
    schema = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary", "description": "The file"}},
    }
    return _operation(
        "upload_media", "Upload a file", ABOUT, {"multipart/form-data": {"schema": schema}}, CODES
    )


def _operation(
    name: str, summary: str, about: str, content: JsonObject, codes: Sequence[ErrorCode]
) -> JsonObject:
    location = {"description": "Where the job is looked at", "schema": {"type": "string"}}
    return {
        "tags": ["media"],
        "summary": summary,
        "description": about,
        "operationId": name,
        "parameters": [PREFER],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "The media", "content": _json("Media")},
            "202": {
                "description": "Accepted, with `Prefer: respond-async`",
                "content": _json("MediaAccepted"),
                "headers": {"Location": location},
            },
        },
        "x-codes": list(codes),
    }


def _json(model: str) -> JsonObject:
    return {"application/json": {"schema": _ref(model)}}


def _ref(model: str) -> JsonObject:
    return {"$ref": REF.format(model=model)}
