"""Follows logs: what their programs wrote last, and what they write from now on."""

import time
from pathlib import Path

from rich.console import Console

from infra.embedded.control import running_state
from infra.embedded.home import Home

POLL = 0.3
CHUNK = 256 * 1024


def follow(home: Home, names: list[str], console: Console) -> None:
    """Print what is added to these logs until the stack ends."""
    ends = {name: size(home.log(name)) for name in names}
    while running_state(home) is not None:
        for name in names:
            ends[name] = print_new(home.log(name), ends[name], name, console)
        time.sleep(POLL)


def print_new(log: Path, start: int, name: str, console: Console) -> int:
    """Print the whole lines from `start` on; where the next ones begin."""
    if size(log) <= start:
        return start
    with log.open("rb") as lines:
        lines.seek(start)
        whole, newline, _ = lines.read(CHUNK).rpartition(b"\n")
    if not newline:
        return start
    for line in whole.decode(errors="replace").splitlines():
        print_line(name, line, console)
    return start + len(whole) + 1


def print_line(name: str, line: str, console: Console) -> None:
    """One line with the part that wrote it."""
    console.print(f"{name:>10} | {line}", markup=False, highlight=False, soft_wrap=True)


def size(log: Path) -> int:
    """Bytes in the log; 0 when there is none yet."""
    return log.stat().st_size if log.exists() else 0
