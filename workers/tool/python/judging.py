"""How a program ended, made of what was seen from outside and of what its sandbox told."""

import os
import signal
from dataclasses import dataclass

from contracts.tools.python import RunStatus
from infra.settings import SandboxSettings
from workers.tool.python.packing import BadPack, unpack
from workers.tool.python.ports import Files, Outcome, Program
from workers.tool.python.streams import Kept
from workers.tool.python.warden import READY

SIGNAL_BASE = 128
MEMORY_ERROR = "MemoryError"
MOST_STATUS = 0xFFFF


@dataclass(frozen=True)
class Ended:
    """What was seen of one run."""

    stdout: Kept
    stderr: Kept
    handed: bytes
    """What the sandbox handed out, whole or not."""
    stopped: RunStatus | None
    """Why it was ended from outside."""
    is_out_of_memory: bool = False
    """Whether the kernel ended something for want of memory."""


def judged(ended: Ended, program: Program, settings: SandboxSettings, seconds: float) -> Outcome:
    """The outcome of a run; what is handed out in a form of its own counts as nothing."""
    try:
        found = unpack_report(ended.handed, settings.files)
    except BadPack:
        found = None
    wait_status, why, files = found if found is not None else (signal.SIGKILL, "", {})
    code = os.waitstatus_to_exitcode(wait_status)
    status = _status(ended, code, why)
    return Outcome(
        status=status,
        stdout=ended.stdout.text,
        stderr=ended.stderr.text,
        exit_code=None if ended.stopped or why else code if code >= 0 else SIGNAL_BASE - code,
        seconds=seconds,
        is_truncated=ended.stdout.is_truncated or ended.stderr.is_truncated,
        error=_sentence(status, code, why, settings),
        files=_wanted(files, program),
    )


def unpack_report(handed: bytes, most: int) -> tuple[int, str, Files]:
    """The status as `wait` has it, why the warden ended it, and the files. Raises BadPack."""
    head, _, rest = handed.removeprefix(READY).partition(b"\n")
    name_length, _, size = head.partition(b" ")
    if name_length != b"0" or not size.isdigit() or int(size) > len(rest):
        raise BadPack("there is no report")
    status, _, why = rest[: int(size)].partition(b" ")
    if not status.isdigit() or int(status) > MOST_STATUS:
        raise BadPack("the report has no status")
    return int(status), why.decode("utf-8", "replace"), unpack(rest[int(size) :], most)


def _status(ended: Ended, code: int, why: str) -> RunStatus:
    """The first of these that is so."""
    last = ended.stderr.text.rstrip().rpartition("\n")[2]
    is_short = ended.is_out_of_memory or (code == 1 and last.startswith(MEMORY_ERROR))
    claims = {
        RunStatus.TIMEOUT: why == "timeout" or code == -signal.SIGXCPU,
        RunStatus.OOM: is_short and code != 0,
        RunStatus.KILLED: code < 0 or bool(why),
        RunStatus.ERROR: code != 0,
    }
    return ended.stopped or next((status for status, is_so in claims.items() if is_so), RunStatus.OK)


def _sentence(status: RunStatus, code: int, why: str, settings: SandboxSettings) -> str | None:
    clock = f"did not end within {settings.seconds:g} seconds"
    processor = f"used its {settings.cpu_seconds:g} seconds of the processor"
    made = f"made more than {settings.files:,} files"
    told = {
        RunStatus.ERROR: f"ended with exit code {code}",
        RunStatus.TIMEOUT: processor if code == -signal.SIGXCPU else clock,
        RunStatus.OOM: f"wanted more than its {settings.memory:,} bytes of memory",
        RunStatus.OUTPUT_LIMIT: f"printed far more than the {settings.output:,} bytes that are passed on",
        RunStatus.KILLED: made if why == "files" else f"was ended by {_signal(-code)}",
    }
    return f"The program {told[status]}" if status in told else None


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _wanted(files: Files, program: Program) -> Files:
    if program.keeps_all:
        return files
    return {name: body for name, body in files.items() if program.files.get(name) != body}
