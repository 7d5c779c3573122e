"""The end of a namespace, waited for: its first process ends when all others in it have (pid_namespaces(7)).

bubblewrap's own process, which we started, ends before that, and tells nothing of it.
"""

import os
import select
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO

from workers.tool.python.counting import children_of


class Inits:
    """The first processes of namespaces. Opened by `held_inits`."""

    def __init__(self, held: Sequence[FileIO]) -> None:
        self._held = held

    def kill(self) -> None:
        """End them, and with each its namespace."""
        for one in self._held:
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(one.fileno(), signal.SIGKILL)

    @property
    def are_gone(self) -> bool:
        """Whether all have ended."""
        ended, _, _ = select.select(self._held, [], [], 0)
        return len(ended) == len(self._held)


@contextmanager
def held_inits(pid: int) -> Iterator[Inits]:
    """Those that bubblewrap's process started, by handles that name nobody else later (pidfd_open(2))."""
    with ExitStack() as held:
        found = []
        for child in children_of(pid):
            with suppress(OSError):
                found.append(held.enter_context(FileIO(os.pidfd_open(child), "rb")))
        yield Inits(found)
