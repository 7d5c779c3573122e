"""Kafka's jars, which come by their Maven coordinates.

`kafka.lock` names every jar with its SHA-256, so nothing is resolved at run time and nothing unknown is run.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.child import run_to_end, tail_of
from infra.embedded.home import Home
from infra.embedded.server import Server, StackError, StartFailed

LOCK = Path(__file__).with_name("kafka.lock")
FETCHER = "jars"
FETCH_LIMIT = 480.0
REPORT_EVERY = 0.5

Report = Callable[[str], None]
"""Told in a few words how far it is."""


class JarsMissing(StackError):
    """Kafka's jars can't be had."""


@dataclass(frozen=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def locked_jars() -> tuple[Jar, ...]:
    """All of them, as the lock names them."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return tuple(parse(line) for line in lines if not line.startswith("#"))


def parse(line: str) -> Jar:
    """One line of the lock."""
    coordinates, sha256 = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256)


def kafka_version() -> str:
    """The version that the lock holds."""
    return next(jar.version for jar in locked_jars() if jar.artifact == "kafka_2.13")


async def kafka_jars(home: Home, report: Report) -> Path:
    """The folder with all jars, fetched when it isn't there yet; JarsMissing when they can't be had."""
    folder = home.cache / f"kafka-{kafka_version()}"
    if not folder.exists():
        telling = asyncio.create_task(tell(home, report))
        try:
            await run_to_end(fetcher(folder), home)
        except StartFailed as error:
            raise JarsMissing(last_line(error.tail) or str(error)) from error
        finally:
            telling.cancel()
    return folder


def fetcher(folder: Path) -> Server:
    """The program that fetches them; one of its own, so that it can be ended at any time."""

    async def ready() -> bool:
        return True

    command = (sys.executable, "-m", "infra.embedded.fetch_jars", str(folder))
    return Server(
        name=FETCHER, command=command, address="", ready=ready, start_limit=FETCH_LIMIT, stop_limit=5.0
    )


async def tell(home: Home, report: Report) -> None:
    """Pass on what the fetcher says."""
    while True:
        await asyncio.sleep(REPORT_EVERY)
        report(last_line(tail_of(home.log(FETCHER))))


def last_line(text: str) -> str:
    """The last of its lines."""
    return text.splitlines()[-1] if text else ""
