"""Ports for the servers: the usual one where it is free, else any free one."""

import random
import socket
from dataclasses import dataclass, field

HOST = "127.0.0.1"
FREE_RANGE = range(20_000, 32_000)
"""Below what kernels give to outgoing connections, so that none takes a port before its server does."""
TRIES = 200


@dataclass
class Ports:
    """Hands out ports, each once. `usual=False`: free ones only, so that stacks can stand side by side."""

    usual: bool = True
    taken: set[int] = field(default_factory=set)

    def take(self, usual: int) -> int:
        """A port that nobody listens on: `usual` where that is free."""
        wanted = [usual] if self.usual else []
        drawn = random.sample(FREE_RANGE, TRIES)
        for port in (*wanted, *drawn):
            if port not in self.taken and is_free(port):
                self.taken.add(port)
                return port
        message = f"no free port among {TRIES} tried"
        raise OSError(message)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True
