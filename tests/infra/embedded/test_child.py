"""A child starts, says why it doesn't, ends when told and when its parent is killed."""

import dataclasses
import os
import pwd
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from infra.embedded.child import await_ready, run_to_end, start_child, stop_child
from infra.embedded.home import Home
from infra.embedded.server import StartFailed
from tests.infra.embedded.programs import program

IGNORES_TERM = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(r'{flag}').touch()
time.sleep(60)
"""
PARENT = """
import sys, time
from pathlib import Path
from infra.embedded.child import start_child
from infra.embedded.home import open_home
from tests.infra.embedded.programs import program
home = open_home(Path(sys.argv[1]))
print(start_child(program(home, "orphan"), home).pid, flush=True)
time.sleep(60)
"""
ROOT = Path(__file__).parents[3]


async def test_a_failing_child_gives_the_end_of_its_log(home: Home) -> None:
    child = start_child(program(home, "broken", "print('no disk'); raise SystemExit(7)"), home)

    with pytest.raises(StartFailed, match=r"broken ended with 7(?s:.*)no disk"):
        await await_ready(child)


async def test_the_log_of_an_earlier_run_is_not_shown(home: Home) -> None:
    home.log("broken").write_text("an old story\n")
    child = start_child(program(home, "broken", "print('a new one'); raise SystemExit(1)"), home)

    with pytest.raises(StartFailed) as failure:
        await await_ready(child)

    assert "a new one" in failure.value.tail
    assert "an old story" not in failure.value.tail


async def test_a_child_that_never_gets_ready_is_given_up(home: Home) -> None:
    server = dataclasses.replace(program(home, "slow", "import time; time.sleep(60)"), start_limit=0.2)
    child = start_child(server, home)

    with pytest.raises(StartFailed, match="wasn't ready after"):
        await await_ready(child)

    await stop_child(child)


async def test_a_child_that_ignores_the_stop_signal_is_killed(home: Home) -> None:
    server = dataclasses.replace(program(home, "stubborn", IGNORES_TERM), stop_limit=0.2)
    child = start_child(server, home)
    await await_ready(child)

    await stop_child(child)

    assert child.process.returncode == -9


async def test_what_a_server_leaves_is_looked_after_once_it_ended(home: Home) -> None:
    ended: list[bool] = []
    server = dataclasses.replace(program(home, "polite"), after_stop=lambda: ended.append(True))
    child = start_child(server, home)
    await await_ready(child)

    await stop_child(child)

    assert ended == [True]


async def test_a_program_that_fails_at_its_work_says_why(home: Home) -> None:
    with pytest.raises(StartFailed, match="work ended with 3"):
        await run_to_end(program(home, "work", "raise SystemExit(3)"), home)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a death signal")
def test_a_child_ends_when_its_parent_is_killed(home: Home) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(home.root)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    orphan = psutil.Process(int(parent.stdout.readline()))

    with parent:
        parent.kill()

    psutil.wait_procs([orphan], timeout=10)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_root_runs_a_child_as_another_user_who_passes_closed_folders(home: Home) -> None:
    home.root.chmod(0o700)
    code = "import os, pathlib; pathlib.Path(r'{flag}').write_text(str(os.getuid()))"
    server = dataclasses.replace(program(home, "other", code), user="nobody")

    await run_to_end(server, home)

    assert (home.root / "other.flag").read_text() == str(pwd.getpwnam("nobody").pw_uid)


async def test_of_a_long_log_the_first_lines_are_shown_too(home: Home) -> None:
    code = "print('the reason'); [print('trace', number) for number in range(100)]; raise SystemExit(1)"
    child = start_child(program(home, "broken", code), home)

    with pytest.raises(StartFailed) as failure:
        await await_ready(child)

    assert failure.value.tail.startswith("the reason")
    assert failure.value.tail.endswith("trace 99")
