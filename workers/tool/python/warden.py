"""What runs first in a sandbox: lays out the files, runs the program, ends all that this leaves behind, and
hands out what lies in the working folder.

Its text is given to the sandbox's own Python, which has nothing of ours: the standard library is all it
imports. The program has the same rights as it has, so that nobody outside believes more of what it says than
how the program ended and what its files are called; the limits that count are set outside, and by the kernel.

    python -I -c TEXT IN OUT NAME=VALUE ...
"""

# pathlib would cost each run 15 ms, and /tmp is the sandbox's own
# ruff: noqa: PTH103, PTH118, PTH120, PTH123, PTH208, S108, S606, FBT003

import os
import resource
import signal
import stat
import sys
import time
from collections.abc import Iterator

PROGRAM = "/tmp/main.py"
WORK = "/work"
SPACES = (WORK, "/tmp", "/dev/shm")
BLINK = 0.05
READY = b"ready\n"


def main(arguments: list[str]) -> None:
    """All of it; the exit code says nothing."""
    source, sink = int(arguments[0]), int(arguments[1])
    for fd in (source, sink):
        os.set_inheritable(fd, False)
    limits = {name: int(value) for name, _, value in (one.partition("=") for one in arguments[2:])}
    os.write(sink, READY)
    lay_out(source)
    status, why = watched(started(limits), limits)
    end_all_others()
    report = b"%d %b" % (status, why.encode())
    with os.fdopen(sink, "wb") as out:
        out.write(b"0 %d\n%b" % (len(report), report))
        for name, body in left(limits):
            out.write(b"%d %d\n%b%b" % (len(name), len(body), name, body))


def lay_out(source: int) -> None:
    """Write the files that are given, the first of which is the program."""
    with os.fdopen(source, "rb") as given:
        given.seek(0)
        while head := given.readline():
            name_length, size = map(int, head.split())
            name = given.read(name_length)
            path = os.path.join(os.fsencode(WORK), name) if name else os.fsencode(PROGRAM)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(given.read(size))


def started(limits: dict[str, int]) -> int:
    """The program's process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for name, value in limits.items():
            if name.startswith("RLIMIT_"):
                resource.setrlimit(getattr(resource, name), (value, value + (name == "RLIMIT_CPU")))
        os.execv(sys.executable, [sys.executable, "-s", "-B", "-u", PROGRAM])
    finally:
        os._exit(127)


def watched(pid: int, limits: dict[str, int]) -> tuple[int, str]:
    """How it ended, as `wait` has it, and why, where it was ended here."""
    until = time.monotonic() + limits["milliseconds"] / 1000
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status, ""
        why = "timeout" if time.monotonic() >= until else "files" if files() > limits["files"] else ""
        if why:
            os.kill(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)[1], why
        signal.sigtimedwait({signal.SIGCHLD}, max(0.001, min(BLINK, until - time.monotonic())))


def files() -> int:
    """Files and folders in all places that can be written to."""
    spaces = [os.statvfs(path) for path in SPACES]
    return sum(space.f_files - space.f_ffree - 1 for space in spaces)


def end_all_others() -> None:
    """Kill whatever is left, again and again until nothing is: what forks meanwhile, too."""
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if others() == 0:
            return
        time.sleep(0.002)


def others() -> int:
    """Processes that live, beside the sandbox's first and this one."""
    living = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in {1, os.getpid()}:
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    living += file.read().rpartition(b")")[2].split()[0] not in {b"Z", b"X"}
            except OSError:
                continue
    return living


def left(limits: dict[str, int]) -> Iterator[tuple[bytes, bytes]]:
    """Regular files of the working folder, by name, as far as they are wanted and may be carried."""
    carried = 0
    for name in sorted(names(limits["files"])):
        body = body_of(os.path.join(os.fsencode(WORK), name), limits)
        if body is not None and carried + len(body) <= limits["carried"]:
            carried += len(body)
            yield name, body


def names(most: int) -> list[bytes]:
    """Paths of at most so many files; folders that are links are not entered."""
    found: list[bytes] = []
    root = os.fsencode(WORK)
    for folder, _, inside in os.walk(root):
        found += [os.path.relpath(os.path.join(folder, name), root) for name in inside]
        if len(found) >= most:
            break
    return found[:most]


def body_of(path: bytes, limits: dict[str, int]) -> bytes | None:
    """A file's bytes; None where it is no regular file of one name, or is too large."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or about.st_size > limits["each"]:
            return None
        return file.read(limits["each"])


if __name__ == "__main__":
    main(sys.argv[1:])
