"""A plan is read strictly, obeyed once, and refused outside of tests."""

import os
import signal
import subprocess
import sys

import pytest
from pydantic import ValidationError

from infra.failpoints import Failpoints, Injected, Moment, Plan, PlanError, planned
from infra.settings import Settings, inherited_environment

LIMIT = 20.0
HITS = "from infra.failpoints import *; one = planned({plan!r}); [one.hit(Moment.CLOSED) for _ in range(4)]"


def test_without_a_plan_nothing_happens() -> None:
    failpoints = planned("")

    for moment in Moment:
        failpoints.hit(moment)

    assert not failpoints.are_armed


def test_a_plan_is_obeyed_at_its_hit_and_only_then() -> None:
    done: list[tuple[Plan, Moment]] = []
    plan = Plan("kill", hit=3)
    failpoints = Failpoints({Moment.CLOSED: plan}, lambda plan, moment: done.append((plan, moment)))

    for _ in range(2):
        failpoints.hit(Moment.CLOSED)
        failpoints.hit(Moment.TOLD)
    assert done == []

    for _ in range(3):
        failpoints.hit(Moment.CLOSED)
    assert done == [(plan, Moment.CLOSED)]


def test_a_planned_failure_is_one_that_nobody_foresaw() -> None:
    failpoints = planned("claimed=raise, closed=sleep:0@2")

    failpoints.hit(Moment.CLOSED)
    failpoints.hit(Moment.CLOSED)
    with pytest.raises(Injected, match="claimed"):
        failpoints.hit(Moment.CLAIMED)


def test_a_killed_process_is_gone_at_that_hit() -> None:
    command = [sys.executable, "-c", HITS.format(plan="closed=kill@4")]

    ended = subprocess.run(command, timeout=LIMIT, check=False)

    assert ended.returncode == -signal.SIGKILL


def test_a_stopped_process_stands_still_until_it_is_told_to_go_on() -> None:
    with subprocess.Popen([sys.executable, "-c", HITS.format(plan="closed=stop")]) as process:
        _, status = _waited(process.pid)
        process.send_signal(signal.SIGCONT)

        assert status == signal.SIGSTOP
        assert process.wait(LIMIT) == 0


@pytest.mark.parametrize(
    "text",
    [
        "closed",
        "closed=",
        "closed=kill@0",
        "closed=kill@x",
        "closed=explode",
        "closed=sleep",
        "closed=sleep:nan",
        "closed=sleep:-1",
        "closed=kill:3",
        "never=kill",
        "=kill",
    ],
)
def test_a_plan_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(PlanError, match="failpoint '"):
        planned(f"{text},told=raise")


@pytest.mark.parametrize("environment", [None, "development", "production"])
def test_settings_refuse_a_plan_outside_of_tests(
    monkeypatch: pytest.MonkeyPatch, environment: str | None
) -> None:
    monkeypatch.setenv("JAN_FAILPOINTS", "closed=kill")
    if environment is None:
        monkeypatch.delenv("JAN_ENVIRONMENT", raising=False)
    else:
        monkeypatch.setenv("JAN_ENVIRONMENT", environment)

    with pytest.raises(ValidationError, match="JAN_FAILPOINTS is for JAN_ENVIRONMENT=test only"):
        Settings()


@pytest.mark.parametrize("module", ["api_edge", "workers.completion", "workers.retry", "infra.provision"])
def test_no_process_starts_in_production_with_a_plan(module: str) -> None:
    environment = {
        **inherited_environment(),
        "JAN_ENVIRONMENT": "production",
        "JAN_FAILPOINTS": "closed=kill",
    }

    command = [sys.executable, "-m", module]

    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )

    assert ended.returncode != 0
    assert "this is production" in ended.stderr


def _waited(pid: int) -> tuple[int, int]:
    """The pid and the signal of a child that was stopped."""
    found, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return found, os.WSTOPSIG(status)
