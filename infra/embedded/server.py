"""A server of the local stack: what to run, when it is ready, and what it offers to the product.

Every server module has one factory, `<name>_server(place)`, which prepares the server's files and returns
this value; a `Child` runs it and the supervisor watches it.
"""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[bool]]


def nothing() -> None:
    """What most servers need after a stop."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """One program and the settings under which it is reached."""

    name: str
    command: tuple[str, ...]
    address: str
    """Where it is reached, without any secret; for people."""
    ready: Check
    """True as soon as it can be used; false while it can't be yet."""
    offers: Mapping[str, str] = field(default_factory=dict)
    """The settings (`JAN_*`) that lead the product to it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside the inherited ones."""
    user: str | None = None
    """Run as this user, where the program refuses root."""
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    """What it gets when its supervisor is killed (Linux)."""
    start_limit: float = 60.0
    stop_limit: float = 20.0
    after_stop: Callable[[], None] = nothing
    """Done when it ended by itself after the stop signal."""
    note: str = ""
    """What a person should know about this choice of server."""


class StackError(Exception):
    """The local stack can't do what was asked; the message is for people."""


class StartFailed(StackError):
    """A server ended, or wasn't ready in time; with the end of its log."""

    def __init__(self, name: str, why: str, tail: str = "") -> None:
        self.name = name
        self.tail = tail
        super().__init__(f"{name} {why}" + (f"; the end of its log:\n{tail}" if tail else ""))
