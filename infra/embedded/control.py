"""Starting, following and ending a stack from another process: the command line, and tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil

from infra.embedded.child import LEASH, NO_USER, tail_of
from infra.embedded.home import Home
from infra.embedded.server import StackError
from infra.embedded.stale import end_stale
from infra.embedded.state import Phase, StackState, read_state
from infra.settings import inherited_environment

SUPERVISOR = "supervisor"
POLL = 0.05
BEGIN_LIMIT = 60.0
"""Seconds until a supervisor runs; it ends what a crashed one left first."""
UP_LIMIT = 600.0
"""Seconds for a start with everything that is fetched before the first one."""
DOWN_LIMIT = 90.0
Watch = Callable[[StackState], None]
"""Told each state that was seen."""


def ensure_up(home: Home, watch: Watch) -> dict[str, str]:
    """Start the stack, detached, when it isn't running; its environment as soon as it is ready."""
    if running_state(home) is None:
        start_supervisor(home, detached=True)
    return await_up(home, watch).environment


def running_state(home: Home) -> StackState | None:
    """The state of the stack that runs in this home; None when none does."""
    state = read_state(home.state)
    return state if state is not None and state.is_alive else None


def start_supervisor(home: Home, *, detached: bool) -> None:
    """Start the supervisor and see it begin; without `detached` it ends when this process does."""
    command = [sys.executable, "-m", "infra.embedded.supervise"]
    if not detached:
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(signal.SIGTERM)), NO_USER]
        command = leash + command
    settings = {"JAN_STACK_HOME": str(home.root), "JAN_STACK_CACHE": str(home.cache)}
    with home.log(SUPERVISOR).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=inherited_environment() | settings,
            start_new_session=True,
        )
    await_begin(home, process)


def await_begin(home: Home, process: subprocess.Popen[bytes]) -> None:
    """Wait until that supervisor has written its first state; StackError when it ends instead."""
    end = time.monotonic() + BEGIN_LIMIT
    while not has_begun(home, process.pid):
        if process.poll() is not None:
            raise StackError(supervisor_tail(home) or f"the supervisor ended with {process.returncode}")
        if time.monotonic() > end:
            message = f"the supervisor (pid {process.pid}) did nothing for {BEGIN_LIMIT:.0f} s"
            raise StackError(message)
        time.sleep(POLL)


def has_begun(home: Home, pid: int) -> bool:
    """Whether that process has written its first state."""
    state = read_state(home.state)
    return state is not None and state.supervisor.pid == pid


def await_up(home: Home, watch: Watch) -> StackState:
    """Wait until it is ready, whoever started it; StackError when that fails."""
    end = time.monotonic() + UP_LIMIT
    while time.monotonic() < end:
        alive = running_state(home)
        state = alive or read_state(home.state)
        if state is None:
            break
        watch(state)
        if state.phase is Phase.READY:
            return state
        if alive is None:
            raise StackError(state.error or f"the supervisor ended:\n{supervisor_tail(home)}")
        time.sleep(POLL)
    message = f"the stack wasn't ready after {UP_LIMIT:.0f} s"
    raise StackError(message)


def take_down(home: Home) -> bool:
    """End the stack and everything that a former one left; whether there was anything to end."""
    state = running_state(home)
    if state is not None:
        end_supervisor(state)
    left = end_stale(read_state(home.state))
    return state is not None or bool(left)


def end_supervisor(state: StackState) -> None:
    """Tell it to end, and wait for that; StackError when it doesn't."""
    process = state.supervisor.process()
    if process is None:
        return
    try:
        process.send_signal(signal.SIGTERM)
        process.wait(DOWN_LIMIT)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()


def supervisor_tail(home: Home) -> str:
    """What the supervisor said last."""
    log = home.log(SUPERVISOR)
    return tail_of(log) if log.exists() else ""
