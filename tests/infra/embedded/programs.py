"""Small programs that stand for servers."""

import sys

import psutil

from infra.embedded.home import Home
from infra.embedded.jars import Report
from infra.embedded.part import Part
from infra.embedded.place import Place
from infra.embedded.server import Server

SLEEP = "import pathlib, time; pathlib.Path(r'{flag}').touch(); time.sleep(60)"


def program(home: Home, name: str, code: str = SLEEP) -> Server:
    """A Python program that is ready as soon as it has made its flag."""
    flag = home.root / f"{name}.flag"
    flag.unlink(missing_ok=True)

    async def ready() -> bool:
        return flag.exists()

    command = (sys.executable, "-I", "-S", "-c", code.format(flag=flag))
    return Server(
        name=name, command=command, address="here", ready=ready, offers={f"JAN_{name.upper()}": "here"}
    )


def part(name: str, code: str = SLEEP) -> Part:
    """The same as a part of a stack."""

    async def open_program(place: Place, _report: Report) -> Server:
        return program(place.home, name, code)

    return Part(name, open_program)


def is_alive(pid: int) -> bool:
    """Whether a process with that pid does anything."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
