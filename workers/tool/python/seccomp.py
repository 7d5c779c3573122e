"""What programs may not ask of the kernel, as a filter of seccomp (classic BPF; linux/seccomp.h).

It denies, and allows the rest: calls that mount, trace, load code into the kernel, set clocks or make
namespaces; sockets that are not AF_UNIX; typing into a terminal. A program of another architecture is killed.
"""

import platform
import struct
from collections.abc import Sequence

from workers.tool.python.syscalls import AARCH64, X86_64

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24
"""Where seccomp_data holds what, on little-endian machines: the lower halves of arguments."""
X32 = 0x40000000
NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET; clone knows no other."""
AF_UNIX = 1
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {"x86_64": X86_64, "aarch64": AARCH64}
SPECIAL = ("clone", "clone3", "socket", "ioctl")

Step = tuple[int, int, int, int]


class NoFilter(Exception):
    """This architecture's calls are not known here."""


def filter_of(machine: str | None = None) -> bytes:
    """The filter for a machine, by default this one. Raises NoFilter."""
    machine = machine or platform.machine()
    if machine not in NUMBERS:
        raise NoFilter(f"there is no seccomp filter for {machine}")
    return b"".join(struct.pack("<HBBI", *step) for step in _steps(NUMBERS[machine], AUDIT[machine]))


def _steps(numbers: dict[str, int], audit: int) -> Sequence[Step]:
    steps: list[Step] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        *_denied(AT_LEAST, X32, ENOSYS),
        *_denied(EQUAL, numbers["clone3"], ENOSYS),  # its flags are in memory: the C library falls back
    ]
    for name, number in numbers.items():
        if name not in SPECIAL:
            steps += _denied(EQUAL, number, EPERM)
    steps += _judged(numbers["clone"], FIRST, _denied(ANY_BIT, NEW_NAMESPACES, EPERM))
    steps += _judged(numbers["socket"], FIRST, [(EQUAL, 1, 0, AF_UNIX), (RETURN, 0, 0, ERRNO | EAFNOSUPPORT)])
    steps += _judged(
        numbers["ioctl"], SECOND, [*_denied(EQUAL, TIOCSTI, EPERM), *_denied(EQUAL, TIOCLINUX, EPERM)]
    )
    return [*steps, (RETURN, 0, 0, ALLOW)]


def _denied(test: int, value: int, error: int) -> list[Step]:
    return [(test, 0, 1, value), (RETURN, 0, 0, ERRNO | error)]


def _judged(number: int, argument: int, judging: list[Step]) -> list[Step]:
    """Steps for one call by its argument; other calls go on behind them."""
    inside: list[Step] = [(LOAD, 0, 0, argument), *judging, (RETURN, 0, 0, ALLOW)]
    return [(EQUAL, 0, len(inside), number), *inside]
