"""All tools that a response offers: its request's `tools`, each by its type, and the choice among them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from api_edge.errors import shown
from api_edge.responses.fields import checked_at, invalid
from api_edge.responses.hosted import code_interpreter, file_search, web_search
from api_edge.responses.offer import Known, Offer, function_of
from api_edge.responses.servers import OWN, mcp, offers_of
from contracts.responses.plan import Offered, OfferKind
from contracts.wire.response_tools import CodeTool, FileSearchTool, FunctionTool, McpServerTool, WebSearchTool
from infra.store.mcp_tools import BUILT_IN

NO_PARAMETERS = {"type": "object", "properties": {}}

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature
Found = tuple[list[Offer], list[JsonObject]]
"""Tools, and the lists of tools that the output begins with."""


@dataclass(frozen=True)
class Offers:
    """What a response offers its model."""

    offers: tuple[Offer, ...] = ()
    lists: tuple[JsonObject, ...] = ()
    choice: str | JsonObject | None = None
    """As a chat has it; None where the request says nothing."""

    @property
    def offered(self) -> tuple[Offered, ...]:
        """What a call of each is shown as."""
        return tuple(one.offered for one in self.offers)

    @property
    def functions(self) -> tuple[JsonObject, ...]:
        """What the model is told of each."""
        return tuple(one.function for one in self.offers)


@dataclass
class Names:
    """The names that are taken."""

    taken: dict[str, str] = field(default_factory=dict)
    """By name: the path of the tool that has it."""

    def take(self, offers: Sequence[Offer], path: str) -> None:
        """Raise ApiError where another tool has one of these."""
        for offer in offers:
            other = self.taken.setdefault(offer.offered.name, path)
            if other != path or sum(one.offered.name == offer.offered.name for one in offers) > 1:
                message = f"has the name {shown(offer.offered.name)!r}, as {other} has"
                raise invalid(path, message)


def offers_in(tools: Sequence[JsonObject], known: Known) -> Offers:
    """What these tools are, done by ours. Raises ApiError naming the one that is wrong."""
    names, offers, lists = Names(), list[Offer](), list[JsonObject]()
    labels: set[str] = set()
    for at, tool in enumerate(tools):
        path = f"tools[{at}]"
        found, listed = _read(tool, known, path)
        names.take(found, path)
        for one in listed:
            if one["server_label"] in labels:
                raise invalid(f"{path}.server_label", "is the same as that of a tool before it")
            labels.add(one["server_label"])
        offers += found
        lists += listed
    return Offers(tuple(offers), tuple(lists))


def usual_offers(known: Known) -> Offers:
    """What a response may call that names no tools: all that come with the product."""
    entries = [entry for entry in known.of_server(BUILT_IN) if entry.off_reason is None]
    if not entries:
        return Offers()
    offers, listed = offers_of(OWN, entries, "never")
    return Offers(tuple(offers), (listed,))


def _read(tool: JsonObject, known: Known, path: str) -> Found:
    kind = tool.get("type")
    reader = READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise invalid(f"{path}.type", f"must be one of {', '.join(READERS)}")
    return reader(tool, known, path)


def _function(tool: JsonObject, _known: Known, path: str) -> Found:
    said = checked_at(FunctionTool, tool, path)
    parameters = said.parameters or NO_PARAMETERS
    if parameters.get("type", "object") != "object":
        raise invalid(f"{path}.parameters", "must be a JSON Schema whose type is object")
    offered = Offered(name=said.name, kind=OfferKind.FUNCTION)
    return [Offer(offered, function_of(said.name, said.description, parameters, said.strict))], []


def _web_search(tool: JsonObject, known: Known, path: str) -> Found:
    return web_search(checked_at(WebSearchTool, tool, path), known, path), []


def _file_search(tool: JsonObject, known: Known, path: str) -> Found:
    return file_search(checked_at(FileSearchTool, tool, path), known, path), []


def _code_interpreter(tool: JsonObject, known: Known, path: str) -> Found:
    return code_interpreter(checked_at(CodeTool, tool, path), known, path), []


def _mcp(tool: JsonObject, known: Known, path: str) -> Found:
    offers, listed = mcp(checked_at(McpServerTool, tool, path), known, path)
    return offers, [listed]


READERS: dict[str, Callable[[JsonObject, Known, str], Found]] = {
    "function": _function,
    "web_search": _web_search,
    "web_search_preview": _web_search,
    "web_search_2025_08_26": _web_search,
    "web_search_preview_2025_03_11": _web_search,
    "file_search": _file_search,
    "code_interpreter": _code_interpreter,
    "mcp": _mcp,
}
"""By the type of a tool."""
