"""The tools that there are, and who may call them: made of what is in the code and in the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.tools.builtin import BUILT_IN
from contracts.tools.spec import ToolSpec
from infra.store.mcp_tools import BUILT_IN as OURS
from infra.store.mcp_tools import McpLimitRow, McpToolRow


@dataclass(frozen=True)
class Deviation:
    """What differs for one tenant."""

    is_allowed: bool
    per_minute: int | None


@dataclass(frozen=True)
class Entry:
    """One tool."""

    spec: ToolSpec
    """As it is offered: under the name by which it is called, described as an admin wants it."""
    own_name: str
    """The name that it has at its server."""
    server: str = OURS
    """Empty for the tools that come with the product."""
    is_enabled: bool = True
    off_reason: str | None = None
    """Why no worker can do it now."""
    disallowed: tuple[str, ...] = ()
    per_minute: int | None = None
    """Calls of one tenant."""
    seconds: float | None = None
    """That one call may take."""
    category: str | None = None
    deviations: Mapping[str, Deviation] = field(default_factory=dict)
    """By tenant."""

    def is_allowed(self, tenant: str) -> bool:
        """Whether a tenant may call it."""
        deviation = self.deviations.get(tenant)
        return self.is_enabled and (deviation is None or deviation.is_allowed)

    def limit(self, tenant: str) -> int | None:
        """Calls of a tenant in a minute; None: as many as it likes."""
        deviation = self.deviations.get(tenant)
        return deviation.per_minute if deviation and deviation.per_minute is not None else self.per_minute


class Catalog:
    """All tools, in the order in which they are listed."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = {entry.spec.name: entry for entry in entries}

    def listed(self, tenant: str) -> Sequence[Entry]:
        """What a tenant can call now."""
        return [one for one in self._entries.values() if one.is_allowed(tenant) and one.off_reason is None]

    def find(self, name: str, tenant: str) -> Entry | None:
        """A tool that a tenant may call, also one that is off now; None where there is none for it."""
        entry = self._entries.get(name)
        return entry if entry is not None and entry.is_allowed(tenant) else None

    def all(self) -> Sequence[Entry]:
        """Every tool, switched off or not."""
        return list(self._entries.values())


def catalog_of(rows: Iterable[McpToolRow] = (), limits: Iterable[McpLimitRow] = ()) -> Catalog:
    """The catalog: what the code has, with what the database says of it, then the tools of other servers."""
    deviations: dict[str, dict[str, Deviation]] = {}
    for limit in limits:
        deviations.setdefault(limit.tool, {})[limit.tenant] = Deviation(limit.is_allowed, limit.per_minute)
    known = {row.name: row for row in rows}
    own = [_entry(name, spec, known.get(name), deviations) for name, spec in BUILT_IN.items()]
    others = [
        _entry(row.name, ToolSpec.model_validate(row.spec), row, deviations)
        for row in known.values()
        if row.server != OURS and row.name not in BUILT_IN
    ]
    return Catalog([*own, *sorted(others, key=lambda entry: entry.spec.name)])


def _entry(
    name: str, spec: ToolSpec, row: McpToolRow | None, deviations: Mapping[str, Mapping[str, Deviation]]
) -> Entry:
    if row is None:
        return Entry(spec=spec, own_name=spec.name, seconds=spec.seconds, deviations=deviations.get(name, {}))
    offered = spec.model_copy(update={"name": name, "description": row.description or spec.description})
    return Entry(
        spec=offered,
        own_name=spec.name,
        server=row.server,
        is_enabled=row.is_enabled,
        off_reason=row.off_reason,
        disallowed=tuple(row.disallowed),
        per_minute=row.per_minute,
        seconds=row.seconds or spec.seconds,
        category=row.category,
        deviations=deviations.get(name, {}),
    )
