"""However a supervisor ends, nothing is left; and a home has only one."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.embedded.control import await_begin, await_up, running_state, take_down
from infra.embedded.home import Home
from infra.embedded.server import StackError
from infra.embedded.state import Identity, Phase, StackState, read_state
from tests.infra.embedded.programs import is_alive
from tests.infra.embedded.supervised import BROKEN

ROOT = Path(__file__).parents[3]
LIMIT = 15.0
Supervisor = subprocess.Popen[bytes]


def start(home: Home, *words: str) -> Supervisor:
    command = [sys.executable, "-m", "tests.infra.embedded.supervised", str(home.root), *words]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    with start(home) as process:
        await_begin(home, process)
        await_up(home, lambda _: None)
        yield process
        process.kill()


def identities(state: StackState | None) -> list[Identity]:
    assert state is not None
    return [part.identity for part in state.parts.values() if part.identity is not None]


def are_gone(processes: list[Identity]) -> bool:
    """Whether all of them end within the limit."""
    living = [process for one in processes if (process := one.process()) is not None]
    _, left = psutil.wait_procs(living, LIMIT)
    return not [process for process in left if is_alive(process.pid)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_after_a_signal(home: Home, supervisor: Supervisor, number: signal.Signals) -> None:
    children = identities(read_state(home.state))

    supervisor.send_signal(number)

    assert supervisor.wait(LIMIT) == 0
    assert len(children) == 2
    assert are_gone(children)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a death signal")
def test_nothing_is_left_when_the_supervisor_is_killed(home: Home, supervisor: Supervisor) -> None:
    children = identities(read_state(home.state))

    supervisor.kill()

    assert len(children) == 2
    assert are_gone(children)


def test_taking_it_down_leaves_nothing(home: Home, supervisor: Supervisor) -> None:
    children = identities(read_state(home.state))

    assert take_down(home)

    assert are_gone(children)
    assert running_state(home) is None
    assert not take_down(home)


def test_a_home_has_one_supervisor(home: Home, supervisor: Supervisor) -> None:
    with start(home) as second:
        _, said = second.communicate(timeout=LIMIT)

    assert second.returncode == 1
    assert b"already" in said
    assert running_state(home) is not None


def test_a_supervisor_after_a_killed_one_starts_anew(home: Home, supervisor: Supervisor) -> None:
    supervisor.kill()
    supervisor.wait(LIMIT)

    with start(home) as second:
        await_begin(home, second)
        state = await_up(home, lambda _: None)
        second.terminate()

    assert state.phase is Phase.READY
    assert state.supervisor.pid == second.pid


def test_a_start_that_fails_is_told_with_the_log(home: Home) -> None:
    with start(home, BROKEN) as supervisor:
        await_begin(home, supervisor)

        with pytest.raises(StackError, match=r"server ended with 1(?s:.*)no luck"):
            await_up(home, lambda _: None)
