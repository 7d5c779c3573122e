"""Ends what a crashed supervisor left behind: processes that its state file names and that still live."""

import contextlib

import psutil

from infra.embedded.state import PartState, StackState

PATIENCE = 10.0
"""Seconds between asking and making them end."""
KILL_LIMIT = 5.0


def end_stale(state: StackState | None) -> list[str]:
    """End the parts of a stack whose supervisor is gone; their names."""
    if state is None or state.is_alive:
        return []
    living = [(part, process) for part in state.parts.values() if (process := living_process(part))]
    families = [member for _, process in living for member in family(process)]
    for part, process in living:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(part.stop_signal)
    _, stubborn = psutil.wait_procs(families, PATIENCE)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, KILL_LIMIT)
    return [part.name for part, _ in living]


def living_process(part: PartState) -> psutil.Process | None:
    """The part's process, if it is that very one."""
    return part.identity.process() if part.identity is not None else None


def family(process: psutil.Process) -> list[psutil.Process]:
    """The process with all its descendants."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
