"""Calls that a model makes in a turn, each as the item that it is shown as.

A call of the client's own function, and of another server's tool, is told as it grows. One of our own tools
is told when it is whole: what is shown of it is made of its arguments.
"""

from dataclasses import dataclass, field
from typing import Any

from contracts.ids import derived_ulid
from contracts.responses import events
from contracts.responses.plan import Called, JsonObject, Offered, OfferKind, TurnPlan
from contracts.responses.texts import Pieces, cleaned, read_json
from contracts.wire.items import PREFIXES

TYPES = {
    OfferKind.FUNCTION: "function_call",
    OfferKind.WEB_SEARCH: "web_search_call",
    OfferKind.FILE_SEARCH: "file_search_call",
    OfferKind.CODE_INTERPRETER: "code_interpreter_call",
    OfferKind.MCP: "mcp_call",
}
APPROVAL = "mcp_approval_request"


@dataclass
class Gathered:
    """A call of a chat, as far as its pieces have come."""

    index: object
    call_id: str | None = None
    name: str = ""
    waiting: str = ""
    """Arguments that came before the name."""
    call: "Call | None" = None
    is_ignored: bool = False


@dataclass
class Call:
    """A call with its name."""

    plan: TurnPlan
    output_index: int
    call_id: str
    name: str
    offered: Offered | None
    arguments: Pieces = field(default_factory=Pieces)
    item: JsonObject = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Of its item."""
        if self.offered is None:
            return "function_call"
        return APPROVAL if self.offered.needs_approval else TYPES[self.offered.kind]

    @property
    def item_id(self) -> str:
        """Always the same one."""
        return item_id(self.plan, self.type, self.output_index)

    @property
    def called(self) -> Called:
        """What the outcome tells of it."""
        return Called(
            output_index=self.output_index,
            item_id=self.item_id,
            call_id=self.call_id,
            name=self.name,
            arguments=self.arguments.whole,
            offered=self.offered,
        )

    def begin(self) -> list[JsonObject]:
        """What is told when its name is known."""
        at, named = self.output_index, self.item_id
        if self.type == "function_call":
            return [events.item_added(at, self._function("in_progress"))]
        if self.type == "mcp_call":
            added = events.item_added(at, self._mcp())
            return [added, events.call_event("mcp_call", "in_progress", at, named)]
        return []

    def feed(self, piece: str) -> list[JsonObject]:
        """A piece more of its arguments."""
        return self._deltas(self.arguments.feed(piece))

    def end(self, *, is_cut: bool) -> list[JsonObject]:
        """It is whole; `is_cut`: as far as the model came."""
        told = self._deltas(self.arguments.end())
        at, named, whole = self.output_index, self.item_id, self.arguments.whole
        match self.type:
            case "function_call":
                self.item = self._function("incomplete" if is_cut else "completed")
                told.append(events.arguments_done(at, named, self.name, whole))
                told.append(events.item_done(at, self.item))
            case "mcp_call":
                self.item = self._mcp()
                told.append(events.mcp_arguments_done(at, named, whole))
            case "mcp_approval_request":
                self.item = self._approval()
                told += [events.item_added(at, self.item), events.item_done(at, self.item)]
            case kind:
                told += self._own(kind)
        return told

    def _deltas(self, piece: str) -> list[JsonObject]:
        if not piece:
            return []
        if self.type == "function_call":
            return [events.arguments_delta(self.output_index, self.item_id, piece)]
        if self.type == "mcp_call":
            return [events.mcp_arguments_delta(self.output_index, self.item_id, piece)]
        return []

    def _own(self, kind: str) -> list[JsonObject]:
        at, named = self.output_index, self.item_id
        given = self._given()
        begun = events.call_event(kind, "in_progress", at, named)
        about: JsonObject = {"id": named, "type": kind, "status": "in_progress"}
        if kind == "code_interpreter_call":
            return self._program(about, given, begun)
        if kind == "file_search_call":
            self.item = about | {"queries": [_text(given, "query", "q")], "results": None}
        elif self.offered is not None and self.offered.tool == "scrape":
            self.item = about | {"action": {"type": "open_page", "url": _text(given, "url")}}
        else:
            query = _text(given, "q", "query")
            self.item = about | {
                "action": {"type": "search", "query": query, "queries": [query], "sources": []}
            }
        return [events.item_added(at, self.item), begun]

    def _program(self, about: JsonObject, given: JsonObject, begun: JsonObject) -> list[JsonObject]:
        at, named = self.output_index, self.item_id
        code = _text(given, "code")
        container = _text(given, "session_id") or f"cntr_{self.item_id.rpartition('_')[2]}"
        empty = about | {"code": "", "container_id": container, "outputs": None}
        self.item = empty | {"code": code}
        return [
            events.item_added(at, empty),
            begun,
            *([events.code_delta(at, named, code)] if code else []),
            events.code_done(at, named, code),
        ]

    def _given(self) -> JsonObject:
        """Its arguments; those that were fixed before come first."""
        said = read_json(self.arguments.whole or "{}")
        given: JsonObject = said if isinstance(said, dict) else {}
        return given | (self.offered.arguments if self.offered else {})

    def _function(self, status: str) -> JsonObject:
        about = {"id": self.item_id, "type": "function_call", "call_id": self.call_id, "name": self.name}
        return about | {"arguments": self.arguments.whole, "status": status}

    def _mcp(self) -> JsonObject:
        about = {"id": self.item_id, "type": "mcp_call", **self._server()}
        return about | {"output": None, "error": None, "status": "in_progress", "approval_request_id": None}

    def _approval(self) -> JsonObject:
        return {"id": self.item_id, "type": APPROVAL, **self._server()}

    def _server(self) -> JsonObject:
        offered = self.offered
        return {
            "server_label": "" if offered is None else offered.server_label or "",
            "name": self.name if offered is None else offered.shown_name or self.name,
            "arguments": self.arguments.whole,
        }


def item_id(plan: TurnPlan, kind: str, output_index: int) -> str:
    """The id of an output item, whoever makes it."""
    return PREFIXES[kind] + derived_ulid(plan.response_id.rpartition("_")[2], f"output {output_index}")


def _text(given: dict[str, Any], *names: str) -> str:  # what a model wrote
    return next((cleaned(one) for name in names if isinstance(one := given.get(name), str)), "")
