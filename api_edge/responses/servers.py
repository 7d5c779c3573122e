"""Tools of MCP servers: those that an admin registered, and our own under the label `jan`."""

from collections.abc import Sequence
from typing import Any

from api_edge.errors import shown
from api_edge.responses.fields import invalid, unsupported
from api_edge.responses.offer import Known, Offer, off, offer_of
from contracts.responses.plan import OfferKind
from contracts.tools.spec import ToolSpec
from contracts.wire.mcp import annotations_of
from contracts.wire.response_tools import Approval, McpServerTool, ToolFilter
from infra.store.mcp_tools import BUILT_IN
from infra.tools.catalog import Entry

OWN = "jan"
"""The label of the tools that come with the product."""
ELSEWHERE = ("server_url", "connector_id", "tunnel_id", "authorization", "headers")
"""How a client would name a server of its own."""
WHY_NOT = "is not offered: an admin registers MCP servers, and server_label names one of them"

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


def mcp(tool: McpServerTool, known: Known, path: str) -> tuple[list[Offer], JsonObject]:
    """The tools of a server that may be called, and the list of them that is shown. Raises ApiError."""
    for name in ELSEWHERE:
        if (tool.model_extra or {}).get(name) is not None:
            raise unsupported(f"{path}.{name}", WHY_NOT)
    label = tool.server_label
    entries = known.of_server(BUILT_IN if label == OWN else label)
    if not entries:
        message = f"names {shown(label)!r}, which is no server that is offered here"
        raise invalid(f"{path}.server_label", message)
    wanted = _allowed(tool.allowed_tools, entries, f"{path}.allowed_tools")
    at_hand = [entry for entry in wanted if entry.off_reason is None]
    if not at_hand and wanted:
        raise off(f"{path}.server_label", wanted[0])
    if not at_hand:
        raise invalid(f"{path}.allowed_tools", f"leaves nothing of the server {shown(label)!r}")
    _check_names(tool.require_approval, entries, f"{path}.require_approval")
    return offers_of(label, at_hand, tool.require_approval)


def offers_of(
    label: str, entries: Sequence[Entry], approval: str | Approval | None
) -> tuple[list[Offer], JsonObject]:
    """These tools under a label, and the list of them."""
    offers = [
        offer_of(
            entry,
            OfferKind.MCP,
            server_label=label,
            needs_approval=_needs_approval(entry, approval),
        )
        for entry in entries
    ]
    listed = {
        "type": "mcp_list_tools",
        "server_label": label,
        "tools": [
            _listed(entry.own_name, entry.spec, offer.function)
            for entry, offer in zip(entries, offers, strict=True)
        ],
        "error": None,
    }
    return offers, listed


def _listed(name: str, spec: ToolSpec, function: JsonObject) -> JsonObject:
    return {
        "name": name,
        "input_schema": function["function"]["parameters"],
        "description": spec.description,
        "annotations": annotations_of(spec).model_dump(),
    }


def _allowed(given: list[str] | ToolFilter | None, entries: Sequence[Entry], path: str) -> Sequence[Entry]:
    if given is None:
        return entries
    if isinstance(given, list):
        return _named(given, entries, path)
    chosen = entries if given.tool_names is None else _named(given.tool_names, entries, f"{path}.tool_names")
    return [entry for entry in chosen if not given.read_only or entry.spec.is_read_only]


def _named(names: Sequence[str], entries: Sequence[Entry], path: str) -> list[Entry]:
    """These tools, each of which must be at hand: who names one counts on it."""
    chosen = [_found(name, entries, f"{path}[{at}]") for at, name in enumerate(names)]
    return list({entry.spec.name: entry for entry in chosen}.values())


def _found(name: str, entries: Sequence[Entry], path: str) -> Entry:
    for entry in entries:
        if name in (entry.own_name, entry.spec.name):
            if entry.off_reason is not None:
                raise off(path, entry)
            return entry
    raise invalid(path, f"names {shown(name)!r}, which the server does not offer")


def _check_names(approval: str | Approval | None, entries: Sequence[Entry], path: str) -> None:
    """A name that means nothing here could be a slip that lets a tool be called unasked."""
    known = {name for entry in entries for name in (entry.own_name, entry.spec.name)}
    if not isinstance(approval, Approval):
        return
    for field in ("always", "never"):
        chosen: ToolFilter | None = getattr(approval, field)
        for at, name in enumerate((chosen and chosen.tool_names) or ()):
            if name not in known:
                where = f"{path}.{field}.tool_names[{at}]"
                raise invalid(where, f"names {shown(name)!r}, which the server does not offer")


def _needs_approval(entry: Entry, approval: str | Approval | None) -> bool:
    """Whether the client is asked first: it is, unless it said otherwise."""
    if isinstance(approval, Approval):
        return _is_among(entry, approval.always) or not _is_among(entry, approval.never)
    return approval != "never"


def _is_among(entry: Entry, chosen: ToolFilter | None) -> bool:
    if chosen is None or (chosen.tool_names is None and chosen.read_only is None):
        return False
    if chosen.read_only is not None and chosen.read_only != entry.spec.is_read_only:
        return False
    return chosen.tool_names is None or not {entry.own_name, entry.spec.name}.isdisjoint(chosen.tool_names)
