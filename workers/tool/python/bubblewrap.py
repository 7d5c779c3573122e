"""Programs on this machine, each in namespaces of its own (bubblewrap).

A program's files go in through a file in memory and come out through a pipe, written by `warden`; its working
folder is memory of its own namespace. So a run leaves nothing on the host, and a worker that is killed takes
its programs along: bubblewrap ends with its parent, and everything in its namespaces with it.
"""

import asyncio
import inspect
import logging
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from contracts.tools.python import RunStatus
from infra.settings import SandboxSettings
from workers.tool.ports import ToolFailed
from workers.tool.python import warden
from workers.tool.python.cgroups import ROOT, Cgroup, NoCgroups, make, sweep
from workers.tool.python.counting import TooMuch, watch_memory
from workers.tool.python.ending import held_inits
from workers.tool.python.judging import Ended, judged
from workers.tool.python.layout import BARE, Layout, NoSandbox, layout_of, reachable
from workers.tool.python.packing import pack
from workers.tool.python.ports import Outcome, Program
from workers.tool.python.seccomp import NoFilter, filter_of
from workers.tool.python.streams import Flooded, Kept, pipe

FIRST_UID = 61_000
"""Of a worker that is root: each place has a user of its own, who owns nothing (security-notes S3)."""
GRACE = 4.0
"""Seconds beside the program's own: to start, and to hand out its files."""
END_SECONDS = 5.0
"""For what was killed to be gone."""
BLINK = 0.005
MOST_CARRIED = 32 * 1024 * 1024
"""Bytes of files that one run hands out: they are in memory here."""
MOST_NAMES = 4 * 1024 * 1024
OPEN_FILES = 256
PROBE = Program("print(6 * 7)")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where one program at a time runs."""

    uid: int | None
    """None: this worker's own."""
    cgroup: Cgroup | None


class Bubblewrap:
    """A sandbox on this machine; `open_bubblewrap` makes it."""

    off_reason = None

    def __init__(self, settings: SandboxSettings, layout: Layout, places: Sequence[Place]) -> None:
        """Raises NoFilter."""
        self._settings = settings
        self._layout = layout
        self._filter = filter_of()
        self._warden = inspect.getsource(warden)
        self._free: asyncio.Queue[Place] = asyncio.Queue()
        for place in places:
            self._free.put_nowait(place)
        self.level = "full" if all(place.cgroup is not None for place in places) else "no-cgroup"

    async def run(self, program: Program) -> Outcome:
        """Wait for a place, and run it there. Raises ToolFailed where the sandbox itself fails."""
        place = await self._free.get()
        try:
            return await self._run(program, place)
        finally:
            self._free.put_nowait(place)

    async def _run(self, program: Program, place: Place) -> Outcome:
        began, kills = time.monotonic(), _kills(place)
        out, err = Kept(self._settings.output), Kept(self._settings.output)
        handed = Kept(MOST_CARRIED + MOST_NAMES)
        async with pipe() as (stdout, out_end), pipe() as (stderr, err_end), pipe() as (files, files_end):
            process = await self._started(program, place, out_end, err_end, files_end)
            try:
                reading = [out.read(stdout), err.read(stderr), handed.read(files, 1)]
                stopped = await self._awaited(process, place, reading)
            finally:
                await _cleared(process, place)
        if not handed.raw.startswith(warden.READY):
            log.error("sandbox_broken", extra={"error": err.text.strip().rpartition("\n")[2][:300]})
            raise ToolFailed("The sandbox could not be started")
        ended = Ended(out, err, handed.raw, stopped, is_out_of_memory=_kills(place) > kills)
        return judged(ended, program, self._settings, time.monotonic() - began)

    async def _awaited(
        self,
        process: asyncio.subprocess.Process,
        place: Place,
        reading: Sequence[Coroutine[None, None, None]],
    ) -> RunStatus | None:
        """Read until it has ended; why it is to be ended before."""
        stopped = None
        try:
            async with asyncio.timeout(self._settings.seconds + GRACE):
                try:
                    async with asyncio.TaskGroup() as group:
                        watching = [group.create_task(one) for one in reading]
                        if place.cgroup is None:
                            watching.append(
                                group.create_task(watch_memory(process.pid, self._settings.memory))
                            )
                        await process.wait()
                        if place.cgroup is None:
                            watching[-1].cancel()
                except* Flooded:
                    stopped = RunStatus.OUTPUT_LIMIT
                except* TooMuch:
                    stopped = RunStatus.OOM
        except TimeoutError:
            stopped = RunStatus.TIMEOUT
        return stopped

    async def _started(
        self, program: Program, place: Place, stdout: FileIO, stderr: FileIO, files: FileIO
    ) -> asyncio.subprocess.Process:
        """bubblewrap, with its ends of the pipes; ours are closed."""
        with ExitStack() as ours:
            for end in (stdout, stderr, files):
                ours.enter_context(end)
            given = ours.enter_context(_in_memory(pack({"": program.code.encode()} | dict(program.files))))
            seccomp = ours.enter_context(_in_memory(self._filter))
            doors = (
                [ours.enter_context(FileIO(fd, "wb")) for fd in place.cgroup.doors()] if place.cgroup else []
            )
            passed = [given.fileno(), files.fileno(), seccomp.fileno()]
            arguments = [str(given.fileno()), str(files.fileno()), *self._limits(program, place)]
            return await asyncio.create_subprocess_exec(
                *self._layout.command(seccomp.fileno(), self._warden, arguments, self._settings.disk),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=passed,
                env=BARE,
                cwd="/",
                start_new_session=True,
                preexec_fn=_entering([door.fileno() for door in doors], place.uid, self._rlimits(place)),
            )

    def _limits(self, program: Program, place: Place) -> list[str]:
        """What the warden is told."""
        settings = self._settings
        each = settings.session_bytes if program.keeps_all else settings.artifact_bytes
        told = {
            "milliseconds": round(settings.seconds * 1000),
            "files": settings.files,
            "each": min(max(each, settings.artifact_bytes), MOST_CARRIED),
            "carried": MOST_CARRIED,
            "RLIMIT_CPU": max(1, round(settings.cpu_seconds)),
        }
        if place.cgroup is None:
            told["RLIMIT_NPROC"] = settings.processes
        return [f"{name}={value}" for name, value in told.items()]

    def _rlimits(self, place: Place) -> dict[int, int]:
        """Limits of each single process."""
        limits = {
            resource.RLIMIT_FSIZE: self._settings.disk,
            resource.RLIMIT_NOFILE: OPEN_FILES,
            resource.RLIMIT_CORE: 0,
        }
        return (
            limits if place.cgroup is not None else limits | {resource.RLIMIT_AS: 2 * self._settings.memory}
        )


@asynccontextmanager
async def open_bubblewrap(settings: SandboxSettings, cgroups: Path = ROOT) -> AsyncIterator[Bubblewrap]:
    """A sandbox that has run a program. Raises NoSandbox, with why there is none."""
    sweep(cgroups)
    uids = range(FIRST_UID, FIRST_UID + settings.at_once) if os.geteuid() == 0 else None
    with ExitStack() as made:
        places = []
        for number in range(settings.at_once):
            cgroup = _cgroup(settings, number, cgroups)
            if cgroup is not None:
                made.callback(cgroup.remove)
            places.append(Place(uids[number] if uids else None, cgroup))
        layout = layout_of(settings)
        if uids:
            layout = made.enter_context(reachable(layout))
        yield await _probed(settings, layout, places)


async def _probed(settings: SandboxSettings, layout: Layout, places: Sequence[Place]) -> Bubblewrap:
    try:
        sandbox = Bubblewrap(settings, layout, places)
        outcome = await sandbox.run(PROBE)
    except NoFilter as error:
        raise NoSandbox(str(error)) from error
    except OSError as error:
        raise NoSandbox(f"bubblewrap cannot be used: {error.strerror}") from error
    except ToolFailed as error:
        raise NoSandbox("this machine lets bubblewrap make no namespaces") from error
    if outcome.stdout != "42\n":
        raise NoSandbox(f"a first program did not run in bubblewrap: {outcome.error}")
    return sandbox


def _cgroup(settings: SandboxSettings, number: int, root: Path) -> Cgroup | None:
    try:
        return make(str(number), settings, root)
    except NoCgroups:
        return None


def _kills(place: Place) -> int:
    return 0 if place.cgroup is None else place.cgroup.kills()


def _in_memory(data: bytes) -> FileIO:
    """A file that no folder has, at its beginning."""
    file = FileIO(os.memfd_create("sandbox"), "w+b")
    while data:
        data = data[file.write(data) or 0 :]
    file.seek(0)
    return file


def _entering(doors: Sequence[int], uid: int | None, limits: dict[int, int]) -> Callable[[], None]:
    """What the child does before it is bubblewrap: only calls of the kernel: there are other threads."""

    def enter() -> None:
        for door in doors:
            os.write(door, b"0")
        if uid is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        for name, value in limits.items():
            resource.setrlimit(name, (value, value))

    return enter


async def _cleared(process: asyncio.subprocess.Process, place: Place) -> None:
    """End all of it, and wait until it has; the kill comes first, so that a second cancel loses none."""
    with held_inits(process.pid) as inits:
        inits.kill()
        for kill in (process.kill, lambda: os.killpg(process.pid, signal.SIGKILL)):
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    kill()
        if place.cgroup is not None:
            place.cgroup.kill()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
                while not inits.are_gone:  # noqa: ASYNC110  looked at for milliseconds
                    await asyncio.sleep(BLINK)
                while place.cgroup is not None and not place.cgroup.is_empty:
                    place.cgroup.kill()
                    await asyncio.sleep(BLINK)
        except TimeoutError:
            log.error("sandbox_not_ended", extra={"pid": process.pid})  # noqa: TRY400
