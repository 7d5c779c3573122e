"""Where a server is to stand: the home of its stack and the ports that are left."""

from dataclasses import dataclass

from infra.embedded.home import Home
from infra.embedded.ports import Ports


@dataclass(frozen=True)
class Place:
    """What every server's factory gets."""

    home: Home
    ports: Ports
