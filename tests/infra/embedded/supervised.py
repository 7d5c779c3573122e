"""A supervisor of small programs, as a process: `python -m tests.infra.embedded.supervised HOME`."""

import asyncio
import sys
from pathlib import Path

from infra.embedded.home import open_home
from infra.embedded.place import Place
from infra.embedded.ports import Ports
from infra.embedded.server import StackError
from infra.embedded.stack import Stack
from infra.embedded.supervise import supervise
from tests.infra.embedded.programs import part

BROKEN = "broken"


def main() -> None:
    """Two parts, or one that fails."""
    home, *rest = sys.argv[1:]
    place = Place(open_home(Path(home)), Ports(usual=False))
    server = part("server", "print('no luck'); raise SystemExit(1)") if BROKEN in rest else part("server")
    try:
        asyncio.run(supervise(Stack((server,), (part("product"),), provision=None), place))
    except StackError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
