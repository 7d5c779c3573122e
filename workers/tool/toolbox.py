"""Which tool does a call: one of ours, or one of another server."""

from collections.abc import Iterable
from typing import Protocol

from contracts.tools.spec import ToolSpec
from infra.store.mcp_tools import BUILT_IN
from infra.tools.catalog import Entry
from workers.tool.ports import Tool, ToolFailed


class Remotes(Protocol):
    """The tools of other servers."""

    def find(self, name: str, server: str, spec: ToolSpec) -> Tool | None:
        """The tool of a server that is called so here; None where the server is not known any more."""


class NoRemotes:
    """There are no other servers."""

    def find(self, name: str, server: str, spec: ToolSpec) -> Tool | None:
        """There is none."""


class Toolbox:
    """What this worker can call."""

    def __init__(self, own: Iterable[Tool], remotes: Remotes | None = None) -> None:
        self.own = {tool.spec.name: tool for tool in own}
        self._remotes = remotes or NoRemotes()

    def tool_of(self, entry: Entry) -> Tool:
        """The tool of an entry of the catalog. Raises ToolFailed where this worker cannot do it."""
        tool = self.own.get(entry.spec.name) if entry.server == BUILT_IN else self._remote(entry)
        if tool is None:
            raise ToolFailed(f"The tool {entry.spec.name} cannot be called now: no worker has it")
        if tool.off_reason is not None:
            raise ToolFailed(f"The tool {entry.spec.name} is off: {tool.off_reason}")
        return tool

    def _remote(self, entry: Entry) -> Tool | None:
        own = entry.spec.model_copy(update={"name": entry.own_name})
        return self._remotes.find(entry.spec.name, entry.server, own)
