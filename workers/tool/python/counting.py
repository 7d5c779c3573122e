"""How much memory a process and all below it take, where no cgroup counts it."""

import asyncio
import os
from pathlib import Path

PAUSE = 0.1
PAGE = os.sysconf("SC_PAGE_SIZE")
DEEP = 4_096
"""Processes that are looked at at once."""


class TooMuch(Exception):
    """They take more than they may."""


async def watch_memory(pid: int, most: int) -> None:
    """Until it is cancelled. Raises TooMuch."""
    while own_memory(pid) <= most:  # noqa: ASYNC110  the kernel tells nobody
        await asyncio.sleep(PAUSE)
    raise TooMuch


def own_memory(pid: int) -> int:
    """Bytes that they share with no file, as the kernel has them just now; of those that are gone, none."""
    total, waiting = 0, [pid]
    for _ in range(DEEP):
        if not waiting:
            break
        pid = waiting.pop()
        try:
            _, resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[:3])
        except (OSError, ValueError):
            continue
        total += (resident - shared) * PAGE
        waiting += children_of(pid)
    return total


def children_of(pid: int) -> list[int]:
    """What a process has started and is there still; nothing of one that is gone."""
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
