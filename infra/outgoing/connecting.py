"""Connections to checked addresses alone: a name is resolved once, and to what it meant then it connects."""

import asyncio
import socket
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from infra.outgoing.addresses import AddressPolicy


class RefusedAddress(OSError):
    """A name or an address leads to where this server does not go."""


class RefusedPort(RefusedAddress):
    """A port is none of those that are asked at public addresses."""

    def __init__(self, ports: frozenset[int]) -> None:
        super().__init__(f"its port must be {' or '.join(map(str, sorted(ports)))}")


@dataclass(frozen=True)
class Targets:
    """What may be connected to."""

    policy: AddressPolicy
    ports: frozenset[int] | None = None
    """Of public addresses; an operator's own networks may have any. None: any everywhere."""

    def check(self, address: str, port: int) -> None:
        """Nothing for a target that is allowed. Raises RefusedAddress."""
        if not self.policy.allows(address):
            raise RefusedAddress("it leads to a network that is refused")
        if self.ports is not None and port not in self.ports and not self.policy.has_own(address):
            raise RefusedPort(self.ports)


class CheckedResolver(AbstractResolver):
    """Resolves by the system's own resolver; one address that is refused refuses the name."""

    def __init__(self, policy: AddressPolicy, ports: frozenset[int] | None = None) -> None:
        self._targets = Targets(policy, ports)

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises RefusedAddress, and OSError where it has none."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        except UnicodeError as error:  # a label is empty, or longer than 63 characters
            raise socket.gaierror(socket.EAI_NONAME, "The host is no name") from error
        for *_, address in found:
            self._targets.check(str(address[0]), port)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    @override
    async def close(self) -> None:
        """Nothing is open."""


def checked_connector(
    policy: AddressPolicy,
    *,
    ports: frozenset[int] | None = None,
    **options: Any,  # aiohttp's own arguments
) -> TCPConnector:
    """A connector that goes to allowed addresses alone, those that stand in a URL as numbers included.

    `ports`: those of public addresses; None: any.
    """
    return TCPConnector(
        resolver=CheckedResolver(policy, ports),
        socket_factory=partial(_checked_socket, Targets(policy, ports)),
        use_dns_cache=False,
        **options,
    )


def _checked_socket(targets: Targets, info: Any) -> socket.socket:  # what getaddrinfo gives
    """The last line: the very address that is to be connected to."""
    family, kind, protocol, _, address = info
    targets.check(str(address[0]), address[1])
    return socket.socket(family=family, type=kind, proto=protocol)
