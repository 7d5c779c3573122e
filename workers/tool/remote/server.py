"""One server, as this worker speaks to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.outgoing.addresses import AddressPolicy
from infra.sealing import Sealer
from infra.settings import McpSettings
from infra.store.mcp_servers import SEALED_SECRETS, McpServerRow


@dataclass(frozen=True)
class Server:
    """Where it is, and what is sent along."""

    name: str
    revision: int
    url: str | None
    command: tuple[str, ...]
    policy: AddressPolicy
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers, or variables of its environment."""
    allowed_tools: tuple[str, ...] | None = None
    seconds: float | None = None

    @property
    def hidden(self) -> Sequence[str]:
        """What must be in no text that leaves this worker: secrets, and what follows `Bearer`."""
        return sorted({part for value in self.secrets.values() for part in (value, value.split(" ")[-1])})[
            ::-1
        ]


def server_of(row: McpServerRow, sealer: Sealer, settings: McpSettings) -> Server:
    """A server as it stands in the database. Raises SealBroken."""
    secrets: dict[str, str] = {}
    if row.sealed_secrets is not None:
        secrets = json.loads(SEALED_SECRETS.open(sealer, row.name, row.sealed_secrets))
    return Server(
        name=row.name,
        revision=row.revision,
        url=row.url if row.transport == "http" else None,
        command=tuple(row.command) if row.transport == "stdio" else (),
        policy=AddressPolicy(settings.networks, allows_all=row.is_trusted),
        secrets=secrets,
        allowed_tools=None if row.allowed_tools is None else tuple(row.allowed_tools),
        seconds=row.seconds,
    )
