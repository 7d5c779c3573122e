"""One tool of ours as a response offers it: what a call is shown as, and what the model is told of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from api_edge.errors import shown
from api_edge.responses.fields import invalid
from contracts.errors import ApiError
from contracts.responses.plan import Offered, OfferKind
from contracts.tools.spec import ToolSpec
from infra.tools.catalog import Catalog, Entry

FOR_USERS = frozenset({"approved"})
"""Arguments that are never the model's to say."""

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


@dataclass(frozen=True)
class Offer:
    """A tool, and the function as which a chat has it."""

    offered: Offered
    function: JsonObject


class Tools(Protocol):
    """The tools that there are, as last known to this process."""

    @property
    def current(self) -> Catalog:
        """All of them."""


@dataclass(frozen=True)
class Known:
    """The tools that there are for a tenant."""

    catalog: Catalog
    tenant: str

    def at_hand(self, name: str, param: str) -> Entry:
        """A tool that can be called now. Raises ApiError, saying why it cannot."""
        entry = self.catalog.find(name, self.tenant)
        if entry is None:
            raise invalid(param, f"needs the tool {shown(name)}, which is not offered here")
        if entry.off_reason is not None:
            raise off(param, entry)
        return entry

    def of_server(self, server: str) -> list[Entry]:
        """What a tenant may call of a server, also what is off now."""
        return [one for one in self.catalog.all() if one.server == server and one.is_allowed(self.tenant)]


def off(param: str, entry: Entry) -> ApiError:
    """What is told of a tool that no worker can do now."""
    return invalid(param, f"needs the tool {entry.spec.name}, which is off: {entry.off_reason}")


def offer_of(
    entry: Entry,
    kind: OfferKind,
    arguments: Mapping[str, Any] | None = None,  # what the tool takes
    *,
    server_label: str | None = None,
    needs_approval: bool = False,
    hidden: Collection[str] = (),
) -> Offer:
    """A tool of ours. `arguments` are given to each call: not the model's to say, as what is `hidden`."""
    given = dict(arguments or {})
    offered = Offered(
        name=entry.spec.name,
        kind=kind,
        tool=entry.spec.name,
        server_label=server_label,
        shown_name=None if server_label is None else entry.own_name,
        needs_approval=needs_approval,
        arguments=given,
    )
    parameters = without(entry.spec, FOR_USERS | given.keys() | frozenset(hidden))
    return Offer(offered, function_of(entry.spec.name, entry.spec.description, parameters))


def function_of(
    name: str,
    description: str | None,
    parameters: JsonObject | None,
    strict: bool | None = None,  # noqa: FBT001  as it was sent
) -> JsonObject:
    """A chat's tool."""
    said = {"name": name, "description": description, "parameters": parameters, "strict": strict}
    return {
        "type": "function",
        "function": {field: value for field, value in said.items() if value is not None},
    }


def without(spec: ToolSpec, names: Collection[str]) -> JsonObject:
    """A tool's JSON Schema without some of its arguments."""
    schema = dict(spec.input_schema)
    for field, empty in (("properties", {}), ("required", [])):
        told = schema.get(field)
        if isinstance(told, dict):
            schema[field] = {name: value for name, value in told.items() if name not in names}
        elif isinstance(told, list):
            schema[field] = [name for name in told if name not in names]
        elif field == "properties":
            schema[field] = empty
    return schema
