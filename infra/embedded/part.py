"""A part of the stack: a name, and how its server is opened once its turn comes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from infra.embedded.jars import Report
from infra.embedded.place import Place
from infra.embedded.server import Server

Opening = Callable[[Place, Report], Awaitable[Server]]


@dataclass(frozen=True)
class Part:
    """One part; `given` is the address in the environment that replaces its server."""

    name: str
    open: Opening
    given: str | None = None
