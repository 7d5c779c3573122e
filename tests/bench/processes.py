"""CPU seconds and memory of a product's processes, by what each process is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

KIB = 1024
PROGRAMS = (
    ("java", "kafka"),
    ("tansu", "tansu"),
    ("postgres", "postgres"),
    ("valkey", "valkey"),
    ("redis", "valkey"),
    ("weed", "objects"),
)
"""How the name of a program begins, and what it is here."""
MODULES = (("api_edge", "edge"), ("workers.", "worker"), ("infra.", "jan"), ("jan", "jan"))
"""The same for what a Python process runs."""


def part_of(command: Sequence[str]) -> str:
    """What a process is, by its command line."""
    if not command:
        return "other"
    program = Path(command[0]).name
    for prefix, part in PROGRAMS:
        if program.startswith(prefix):
            return part
    for word in command[1:]:
        for prefix, part in MODULES:
            if Path(word).name.startswith(prefix):
                return f"{part} {_room(word)}".strip()
    return program


def _room(word: str) -> str:
    return word.split(".")[1] if word.startswith("workers.") else ""


def cpu_seconds(roots: Iterable[int]) -> dict[str, float]:
    """CPU seconds so far of processes, their children, and what they have reaped, by part."""
    spent: dict[str, float] = defaultdict(float)
    for process in _tree(roots):
        try:
            times = process.cpu_times()
            part = part_of(process.cmdline())
        except psutil.Error:
            continue
        spent[part] += times.user + times.system + times.children_user + times.children_system
    return dict(spent)


def pss_bytes(roots: Iterable[int]) -> dict[str, int]:
    """Proportional memory of processes and their children, by part."""
    held: dict[str, int] = defaultdict(int)
    for process in _tree(roots):
        try:
            held[part_of(process.cmdline())] += _pss(process.pid)
        except (psutil.Error, OSError):
            continue
    return dict(held)


def increase(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was added between two measurements."""
    return {part: round(after[part] - before.get(part, 0.0), 3) for part in after}


def _tree(roots: Iterable[int]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for pid in roots:
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
        except psutil.Error:
            continue
        found |= {process.pid: process for process in family}
    return list(found.values())


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIB
    return 0
