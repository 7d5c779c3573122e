"""Which of its tools the model may or must call: `tool_choice`, as a chat has it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from api_edge.errors import shown
from api_edge.responses.fields import invalid
from api_edge.responses.offer import Offer
from api_edge.responses.offers import Offers
from contracts.responses.plan import OfferKind

PATH = "tool_choice"
MODES = ("none", "auto", "required")
HOSTED = {
    "web_search": OfferKind.WEB_SEARCH,
    "web_search_preview": OfferKind.WEB_SEARCH,
    "web_search_2025_08_26": OfferKind.WEB_SEARCH,
    "web_search_preview_2025_03_11": OfferKind.WEB_SEARCH,
    "file_search": OfferKind.FILE_SEARCH,
    "code_interpreter": OfferKind.CODE_INTERPRETER,
}
FORMS = ("function", "mcp", "allowed_tools", *HOSTED)

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature
IsMeant = Callable[[Offer], bool]


def chosen(offers: Offers, choice: str | JsonObject | None) -> Offers:
    """The tools among which the model chooses, with the choice. Raises ApiError for what is not offered."""
    if choice is None:
        return offers
    if isinstance(choice, str):
        if choice not in MODES:
            raise invalid(PATH, f"must be one of {', '.join(MODES)}, or an object")
        if choice == "required" and not offers.offers:
            raise invalid(PATH, "is required, and there are no tools")
        return replace(offers, choice=choice if offers.offers else None)
    if choice.get("type") == "allowed_tools":
        return _narrowed(offers, choice)
    return replace(offers, choice=_forced(_meant(offers, choice, PATH), choice))


def _forced(meant: list[Offer], choice: JsonObject) -> str | JsonObject:
    """The first tool that is meant: of a web search, that is the search; of a server, any."""
    if choice["type"] == "mcp" and len(meant) > 1:
        return "required"
    return {"type": "function", "function": {"name": meant[0].offered.name}}


def _narrowed(offers: Offers, choice: JsonObject) -> Offers:
    mode, tools = choice.get("mode", "auto"), choice.get("tools")
    if mode not in ("auto", "required"):
        raise invalid(f"{PATH}.mode", "must be auto or required")
    if not isinstance(tools, list) or not tools:
        raise invalid(f"{PATH}.tools", "must be a list of tools")
    names = {
        offer.offered.name
        for at, one in enumerate(tools)
        for offer in _meant(offers, one, f"{PATH}.tools[{at}]")
    }
    kept = tuple(one for one in offers.offers if one.offered.name in names)
    return replace(offers, offers=kept, choice=mode)


def _meant(offers: Offers, named: Any, path: str) -> list[Offer]:  # what a client sent
    """The tools that one choice names."""
    is_meant = _matcher(named if isinstance(named, dict) else {}, path)
    found = [offer for offer in offers.offers if is_meant(offer)]
    if not found:
        raise invalid(path, "names a tool that is not among tools")
    return found


def _matcher(named: JsonObject, path: str) -> IsMeant:
    kind = named.get("type")
    if kind == "function":
        name = _text(named, "name", path)
        return lambda one: one.offered.kind is OfferKind.FUNCTION and one.offered.name == name
    if kind == "mcp":
        label, tool = _text(named, "server_label", path), named.get("name")
        return lambda one: (
            one.offered.server_label == label
            and (tool is None or tool in (one.offered.shown_name, one.offered.name))
        )
    if isinstance(kind, str) and kind in HOSTED:
        return lambda one: one.offered.kind is HOSTED[kind]
    raise invalid(f"{path}.type", f"must be one of {', '.join(FORMS)}; not {shown(str(kind))!r}")


def _text(named: JsonObject, field: str, path: str) -> str:
    value = named.get(field)
    if not isinstance(value, str) or not value:
        raise invalid(f"{path}.{field}", "must be a text")
    return value
