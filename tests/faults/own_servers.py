"""Servers that belong to the tests of failing dependencies alone, so that hurting them breaks no other test.

Kafka has two listeners: tests ask it directly, the product through a proxy that the metadata name, too. Where
the system allows it, Kafka's data lie on a small disk of their own, which a test may fill.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr

from infra.embedded.broker import broker_server
from infra.embedded.child import run_to_end
from infra.embedded.home import open_home
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.postgres import postgres_server
from infra.embedded.server import Server, StackError
from infra.embedded.valkey import valkey_server
from infra.settings import DatabaseSettings, KafkaSettings, ObjectSettings, RedisSettings
from tests.faults.mortal import Mortal
from tests.product import Servers

DISK = "128m"
PROXIED = "PROXIED"


@dataclass(frozen=True)
class ProxyPorts:
    """Where the product finds its servers."""

    kafka: int
    valkey: int


@dataclass(frozen=True)
class OwnServers:
    """The servers, which run, and the way to each that no proxy disturbs."""

    place: Place
    kafka: Mortal
    valkey: Mortal
    postgres: Mortal
    disk: Path | None
    """Where Kafka's data lie, if that is a disk of its own."""
    direct: Servers
    """For tests."""
    proxied: Servers
    """For the product."""
    targets: ProxyPorts
    """Where the proxies lead."""
    proxies: ProxyPorts
    """Where they listen."""

    def environment(self) -> dict[str, str]:
        """What leads the product to them, few partitions included."""
        return {**self.proxied.environment(), **_few(self.kafka.server)}

    async def stop(self) -> None:
        """All that run."""
        for one in (self.kafka, self.valkey, self.postgres):
            await one.stop()


async def start_own_servers(
    root: Path, place: Place, objects: ObjectSettings, *, disk: Path | None, fallback: bool = False
) -> OwnServers:
    """Start them, with the product's tables and topics in them. `fallback`: on the fallback broker."""
    own = Place(open_home(root, place.home.cache), place.ports)
    kafka = Mortal(await broker_server(own, print, fallback=fallback), own.home)
    valkey = Mortal(await valkey_server(own), own.home)
    postgres = Mortal(await postgres_server(own), own.home)
    behind = place.ports.take(0)
    targets = ProxyPorts(kafka=behind, valkey=_port(valkey.server.address))
    proxies = ProxyPorts(kafka=place.ports.take(0), valkey=place.ports.take(0))
    is_proxied = kafka.server.offers["JAN_KAFKA_FLAVOR"] == "kafka"
    if is_proxied:
        _add_listener(own.home.data("kafka") / "server.properties", targets.kafka, proxies.kafka)
    direct = Servers(
        own,
        KafkaSettings(
            bootstrap=kafka.server.offers["JAN_KAFKA_BOOTSTRAP"], flavor="kafka" if is_proxied else "tansu"
        ),
        DatabaseSettings(url=SecretStr(postgres.server.offers["JAN_DATABASE_URL"])),
        RedisSettings(url=SecretStr(valkey.server.offers["JAN_REDIS_URL"])),
        objects,
    )
    proxied = replace(direct, valkey=_moved(direct.valkey, targets.valkey, proxies.valkey))
    if is_proxied:
        bootstrap = f"{HOST}:{proxies.kafka}"
        proxied = replace(proxied, kafka=direct.kafka.model_copy(update={"bootstrap": bootstrap}))
    servers = OwnServers(own, kafka, valkey, postgres, disk, direct, proxied, targets, proxies)
    try:
        for one in (kafka, valkey, postgres):
            await one.start()
        await _provision(direct, kafka.server)
    except StackError:
        await servers.stop()
        raise
    return servers


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of its own at a folder until the block ends, or None where the system doesn't allow it."""
    folder.mkdir(parents=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


async def _provision(servers: Servers, kafka: Server) -> None:
    provision = Server(
        name="provision",
        command=(sys.executable, "-m", "infra.provision"),
        address="",
        ready=_at_once,
        environment={**servers.environment(), **_few(kafka)},
    )
    await run_to_end(provision, servers.place.home)


async def _at_once() -> bool:
    return True


def _few(kafka: Server) -> dict[str, str]:
    return {name: value for name, value in kafka.offers.items() if name == "JAN_KAFKA_MAX_PARTITIONS"}


def _add_listener(properties: Path, port: int, advertised: int) -> None:
    """A further listener, whose clients are told to come back through the proxy."""
    changes = {
        "listeners": f"{PROXIED}://{HOST}:{port}",
        "advertised.listeners": f"{PROXIED}://{HOST}:{advertised}",
        "listener.security.protocol.map": f"{PROXIED}:PLAINTEXT",
    }
    lines = [line.partition("=") for line in properties.read_text(encoding="utf-8").splitlines()]
    text = "".join(
        f"{name}={value},{changes[name]}\n" if name in changes else f"{name}={value}\n"
        for name, _, value in lines
    )
    properties.write_text(text, encoding="utf-8")


def _moved(redis: RedisSettings, port: int, other: int) -> RedisSettings:
    url = redis.url.get_secret_value().replace(f":{port}/", f":{other}/")
    return redis.model_copy(update={"url": SecretStr(url)})


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
