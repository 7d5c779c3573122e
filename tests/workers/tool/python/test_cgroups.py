"""Limits as both versions of cgroups have them, written to folders that stand for the kernel's."""

import os
import subprocess
from pathlib import Path

import pytest

from infra.settings import SandboxSettings
from workers.tool.python.cgroups import PREFIX, NoCgroups, make, sweep

SETTINGS = SandboxSettings(memory=1_000, processes=5)


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    return tmp_path


def test_version_2_has_one_folder(unified: Path) -> None:
    made = make("0", SETTINGS, unified)

    (folder,) = made.folders
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "pids.max").read_text() == "8"
    assert (folder / "cpu.max").read_text() == "100000 100000"


def test_version_1_has_one_for_each_controller(tmp_path: Path) -> None:
    for name in ("memory", "pids", "cpu"):
        (tmp_path / name).mkdir()

    made = make("0", SETTINGS, tmp_path)

    memory, pids, _ = made.folders
    assert (memory / "memory.limit_in_bytes").read_text() == "1000"
    assert (pids / "pids.max").read_text() == "8"


def test_what_the_kernel_ended_is_counted(unified: Path) -> None:
    made = make("0", SETTINGS, unified)
    (made.folders[0] / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")

    assert made.kills() == 2


def test_where_nothing_may_be_written_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoCgroups):
        make("0", SETTINGS, tmp_path / "missing")


def test_only_what_dead_workers_left_is_swept(unified: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    dead, own = unified / f"{PREFIX}{process.pid}-0", unified / f"{PREFIX}{os.getpid()}-0"
    dead.mkdir()
    own.mkdir()

    assert sweep(unified) == 1
    assert (dead.exists(), own.exists()) == (False, True)
