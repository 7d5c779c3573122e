"""Calls of our tools: what is shown while they run and when they have ended, and what the model is told."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from contracts.ids import derived_ulid
from contracts.responses import events
from contracts.responses.plan import Called, OfferKind
from contracts.responses.shown import shown_item
from contracts.tools.spec import ToolResult
from contracts.wire.items import PREFIXES
from workers.response.core.state import CallEnd, Done, JsonObject

NO_RESULT = "Its result is not known"


def list_item(ulid: str, at: int, listed: JsonObject) -> JsonObject:
    """An `mcp_list_tools` item with its id."""
    item_id = PREFIXES["mcp_list_tools"] + derived_ulid(ulid, f"output {at}")
    return {"id": item_id, **listed}


def approved_item(called: Called) -> JsonObject:
    """The item of a call that its client has allowed."""
    offered = called.offered
    return {
        "id": called.item_id,
        "type": "mcp_call",
        "server_label": None if offered is None else offered.server_label,
        "name": called.name if offered is None else offered.shown_name or called.name,
        "arguments": called.arguments,
        "output": None,
        "error": None,
        "status": "in_progress",
        "approval_request_id": called.approval_request_id,
    }


def begun_events(called: Called) -> list[JsonObject]:
    """What is told when a call goes out."""
    match called.offered.kind if called.offered else None:
        case OfferKind.WEB_SEARCH:
            return [events.call_event("web_search_call", "searching", called.output_index, called.item_id)]
        case OfferKind.FILE_SEARCH:
            return [events.call_event("file_search_call", "searching", called.output_index, called.item_id)]
        case OfferKind.CODE_INTERPRETER:
            return [
                events.call_event(
                    "code_interpreter_call", "interpreting", called.output_index, called.item_id
                )
            ]
        case _:
            return []


def unknown(called: Called, output_index: int) -> Done:
    """The output of a call of what there is not, which the model is told."""
    text = f"There is no tool {called.name!r}"
    prefix = PREFIXES["function_call_output"]
    item: JsonObject = {
        "id": prefix + called.item_id.rpartition("_")[2],
        "type": "function_call_output",
        "call_id": called.call_id,
        "output": text,
        "status": "completed",
    }
    return Done(output_index, item)


def finished(
    called: Called, item: JsonObject, end: CallEnd, include: Sequence[str]
) -> tuple[Done, list[JsonObject]]:
    """An item whose call has ended, and the events that tell it."""
    text = end.error or NO_RESULT if end.result is None else end.result.text
    is_good = end.result is not None and not end.result.is_error
    done = dict(item)
    kind = called.offered.kind if called.offered else OfferKind.MCP
    told = _SHOWING[kind](done, called, end, text)
    done["status"] = "completed" if is_good else "failed"
    said = {
        "call_id": called.call_id,
        "name": called.name,
        "arguments": called.arguments,
        "output": text,
    }
    shown = shown_item(done, include)
    return Done(called.output_index, done, said), [*told, events.item_done(called.output_index, shown)]


def stopped(called: Called, item: JsonObject) -> Done:
    """An item whose call was stopped with its response: nothing goes on behind an end."""
    is_search = called.offered is not None and called.offered.kind is OfferKind.WEB_SEARCH
    status = "failed" if is_search else "incomplete"  # which OpenAI's web_search_call does not know
    return Done(called.output_index, item | {"status": status})


def _web_search(item: JsonObject, called: Called, end: CallEnd, _text: str) -> list[JsonObject]:
    action = dict(item.get("action") or {})
    if action.get("type") == "search":
        found = _structured(end.result).get("citations") or []
        action["sources"] = [{"type": "url", "url": url} for url in found]
    item["action"] = action
    return [events.call_event("web_search_call", "completed", called.output_index, called.item_id)]


def _file_search(item: JsonObject, called: Called, end: CallEnd, _text: str) -> list[JsonObject]:
    passages = _structured(end.result).get("results") or []
    item["results"] = [
        {
            "file_id": passage["document_id"],
            "filename": str(passage.get("metadata", {}).get("filename") or passage["document_id"]),
            "score": passage["score"],
            "text": passage["text"],
            "attributes": _attributes(passage.get("metadata") or {}),
        }
        for passage in passages
    ]
    return [events.call_event("file_search_call", "completed", called.output_index, called.item_id)]


def _code(item: JsonObject, called: Called, end: CallEnd, text: str) -> list[JsonObject]:
    ran = _structured(end.result)
    printed = "".join(str(ran.get(name) or "") for name in ("stdout", "stderr")) if ran else text
    outputs: list[JsonObject] = [{"type": "logs", "logs": printed}]
    outputs += [
        {"type": "image", "url": file.get("url") or f"/v1/media/{file['id']}/content"}
        for file in ran.get("artifacts") or []
        if str(file.get("mime")).startswith("image/")
    ]
    item["outputs"] = outputs
    return [events.call_event("code_interpreter_call", "completed", called.output_index, called.item_id)]


def _mcp(item: JsonObject, called: Called, end: CallEnd, text: str) -> list[JsonObject]:
    result = end.result
    if result is not None and not result.is_error:
        item["output"] = text
        return [events.call_event("mcp_call", "completed", called.output_index, called.item_id)]
    content = result.content if result is not None else [{"type": "text", "text": text}]
    item["error"] = {"type": "mcp_tool_execution_error", "content": content}
    return [events.call_event("mcp_call", "failed", called.output_index, called.item_id)]


_SHOWING: dict[OfferKind, Callable[[JsonObject, Called, CallEnd, str], list[JsonObject]]] = {
    OfferKind.WEB_SEARCH: _web_search,
    OfferKind.FILE_SEARCH: _file_search,
    OfferKind.CODE_INTERPRETER: _code,
    OfferKind.MCP: _mcp,
}


def _structured(result: ToolResult | None) -> JsonObject:
    return (result.structured or {}) if result is not None and not result.is_error else {}


def _attributes(metadata: dict[str, Any]) -> JsonObject:  # as it was given
    """OpenAI's attributes are texts, numbers and booleans."""
    return {
        name: value if isinstance(value, str | int | float | bool) else json.dumps(value)
        for name, value in metadata.items()
    }
