"""What a crashed supervisor left is ended; whoever got one of its pids since is not."""

import os

import psutil
import pytest

from infra.embedded.child import Child, await_ready, start_child, stop_child
from infra.embedded.home import Home
from infra.embedded.stale import end_stale
from infra.embedded.state import Identity, PartState, StackState
from tests.infra.embedded.programs import is_alive, program

GONE = Identity(pid=2**22 + 1, created=1.0)


@pytest.fixture
def me() -> Identity:
    return Identity(pid=os.getpid(), created=psutil.Process().create_time())


def left(supervisor: Identity, child: Child, created: float) -> StackState:
    part = PartState(name="orphan", identity=Identity(pid=child.pid, created=created))
    return StackState(supervisor=supervisor, began=0.0, parts={"orphan": part})


async def test_a_stale_child_is_ended(home: Home) -> None:
    child = start_child(program(home, "orphan"), home)
    await await_ready(child)

    ended = end_stale(left(GONE, child, child.created))

    assert ended == ["orphan"]
    assert not is_alive(child.pid)
    await stop_child(child)


async def test_another_process_with_the_same_pid_is_left_alone(home: Home) -> None:
    child = start_child(program(home, "orphan"), home)
    await await_ready(child)

    ended = end_stale(left(GONE, child, child.created - 5))

    assert ended == []
    assert is_alive(child.pid)
    await stop_child(child)


async def test_the_children_of_a_living_supervisor_are_left_alone(home: Home, me: Identity) -> None:
    child = start_child(program(home, "orphan"), home)
    await await_ready(child)

    ended = end_stale(left(me, child, child.created))

    assert ended == []
    assert is_alive(child.pid)
    await stop_child(child)


def test_a_home_without_a_state_has_nothing_stale() -> None:
    assert end_stale(None) == []
