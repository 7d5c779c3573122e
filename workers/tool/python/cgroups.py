"""One cgroup for each place of a worker: it counts memory and processes of a program together, and ends all.

Version 1 has a folder in each controller's tree, version 2 one for all. A machine where none can be made is
told so once, and does with what is left: limits of single processes.
"""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.settings import SandboxSettings

ROOT = Path("/sys/fs/cgroup")
PREFIX = "jan-sandbox-"
PERIOD = 100_000
"""Microseconds; a program gets as much of one processor."""

Values = Mapping[str, Mapping[str, int | str]]


class NoCgroups(Exception):
    """None can be made here."""


@dataclass(frozen=True)
class Cgroup:
    """One program's."""

    folders: tuple[Path, ...]
    is_unified: bool

    def doors(self) -> list[int]:
        """Open files into which a process writes `0` to go in; whoever asks closes them."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def kill(self) -> None:
        """End all that are in it, once: whoever calls does so until `is_empty`."""
        at_once = self.folders[0] / "cgroup.kill"
        if at_once.exists():
            with suppress(OSError):
                at_once.write_text("1")
        for pid in self._inside():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    @property
    def is_empty(self) -> bool:
        """Whether nothing runs in it."""
        return not self._inside()

    def kills(self) -> int:
        """How often the kernel ended something in it for want of memory."""
        name = "memory.events" if self.is_unified else "memory.oom_control"
        lines = (line.split() for line in (self.folders[0] / name).read_text().splitlines())
        return next((int(line[1]) for line in lines if line[0] == "oom_kill"), 0)

    def remove(self) -> None:
        """It is gone, if nothing is in it; else whoever sweeps has it."""
        for folder in self.folders:
            with suppress(OSError):
                folder.rmdir()

    def _inside(self) -> list[int]:
        return [
            int(line)
            for folder in self.folders
            for line in _read(folder / "cgroup.procs").split()
            if int(line) != os.getpid()
        ]


def make(name: str, settings: SandboxSettings, root: Path = ROOT) -> Cgroup:
    """A cgroup with the settings' limits. Raises NoCgroups."""
    is_unified = (root / "cgroup.controllers").exists()
    wanted = _unified(settings) if is_unified else _separate(settings)
    folders = tuple(root / controller / f"{PREFIX}{os.getpid()}-{name}" for controller in wanted)
    made = Cgroup(folders, is_unified)
    try:
        if is_unified:
            _delegate(root)
        for folder, values in zip(folders, wanted.values(), strict=True):
            folder.mkdir(exist_ok=True)
            for file, value in values.items():
                _set(folder / file, value)
    except OSError as error:
        made.remove()
        raise NoCgroups(str(error)) from error
    return made


def sweep(root: Path = ROOT) -> int:
    """Remove what workers left that are no more; how many there were."""
    places = [root] if (root / "cgroup.controllers").exists() else [root / name for name in _SEPARATE]
    gone = 0
    for folder in (folder for place in places for folder in place.glob(f"{PREFIX}*-*")):
        if not Path(f"/proc/{folder.name.removeprefix(PREFIX).partition('-')[0]}").exists():
            Cgroup((folder,), is_unified=False).kill()
            with suppress(OSError):
                folder.rmdir()
                gone += 1
    return gone


_SEPARATE = ("memory", "pids", "cpu")


def _separate(settings: SandboxSettings) -> Values:
    return {
        "memory": {
            "memory.limit_in_bytes": settings.memory,
            "memory.memsw.limit_in_bytes?": settings.memory,
        },
        "pids": {"pids.max": _processes(settings)},
        "cpu": {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": PERIOD},
    }


def _unified(settings: SandboxSettings) -> Values:
    return {
        "": {
            "memory.max": settings.memory,
            "memory.swap.max?": 0,
            "pids.max": _processes(settings),
            "cpu.max?": f"{PERIOD} {PERIOD}",
        }
    }


def _processes(settings: SandboxSettings) -> int:
    """Beside the program's: bubblewrap's two, and the one that watches."""
    return settings.processes + 3


def _delegate(root: Path) -> None:
    """Let the root's children have controllers; where they have them, nothing changes."""
    with suppress(OSError):
        (root / "cgroup.subtree_control").write_text("+memory +pids")
    with suppress(OSError):
        (root / "cgroup.subtree_control").write_text("+cpu")


def _set(file: Path, value: int | str) -> None:
    """Raises OSError, unless the file's name ends in `?`: not every kernel has it."""
    plain = file.with_name(file.name.removesuffix("?"))
    try:
        plain.write_text(str(value))
    except OSError:
        if plain == file:
            raise


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
