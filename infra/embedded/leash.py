"""Runs a program so that it ends with its parent, as another user where it must; the standard library only.

    python leash.py PARENT SIGNAL USER COMMAND...

It is a program of its own, since the death signal and the user must be set in the child, after the fork, and
Python code between fork and exec is not safe. It becomes the command (exec), so no process is added.
The kernel forgets the death signal when the user changes, hence the order.
"""

import ctypes
import os
import pwd
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
NO_USER = "-"


def main(arguments: list[str]) -> None:
    """Leash this process, then become the command."""
    parent, signal_number, user, *command = arguments
    if user != NO_USER:
        become(user)
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - no shell is the point


def become(user: str) -> None:
    """Drop root for `user`, who keeps the right to pass closed folders: the stack may lie in root's home."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    if sys.platform == "linux":
        prctl(PR_SET_KEEPCAPS, 1)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        keep_file_access()


def keep_file_access() -> None:
    """Make CAP_DAC_OVERRIDE alone survive the exec. Where that is refused, the folders must be open."""
    libc = ctypes.CDLL(None, use_errno=True)
    mask = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(header, struct.pack("=6I", mask, mask, mask, 0, 0, 0)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def prctl(option: int, value: int) -> None:
    """prctl(2), or an OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main(sys.argv[1:])
