"""Which sandbox is opened, and what is said where there is none."""

from pathlib import Path

import pytest

from infra.settings import SandboxSettings
from workers.tool.ports import ToolFailed
from workers.tool.python.layout import OWN, NoSandbox, layout_of
from workers.tool.python.opening import open_sandbox
from workers.tool.python.ports import Program
from workers.tool.python.seccomp import NoFilter, filter_of

NONE = "No program can be run on this server: "


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (SandboxSettings(kind="off"), "its operator has turned that off (JAN_SANDBOX_KIND)"),
        (
            SandboxSettings(kind="fusion"),
            "the address of a SandboxFusion is not given (JAN_SANDBOX_FUSION_URL)",
        ),
        (
            SandboxSettings(kind="bubblewrap", bubblewrap=Path("/nowhere/bwrap")),
            "bubblewrap is not where JAN_SANDBOX_BUBBLEWRAP says",
        ),
    ],
)
async def test_where_there_is_no_sandbox_it_is_said_why(settings: SandboxSettings, why: str) -> None:
    async with open_sandbox(settings) as sandbox:
        assert (sandbox.level, sandbox.off_reason) == ("disabled", NONE + why)
        with pytest.raises(ToolFailed):
            await sandbox.run(Program("pass"))


async def test_the_address_of_a_fusion_is_enough() -> None:
    async with open_sandbox(SandboxSettings(fusion_url="http://127.0.0.1:1")) as sandbox:
        assert (sandbox.level, sandbox.off_reason) == ("remote", None)


def test_a_python_of_the_settings_is_shown_as_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").touch()
    bwrap = tmp_path / "bwrap"
    bwrap.touch()

    layout = layout_of(SandboxSettings(python=tmp_path, bubblewrap=bwrap))

    assert layout.python == OWN / "bin/python3"
    assert (tmp_path, OWN) in layout.shown
    command = layout.command(9, "text", ["1"], 100)
    assert command[command.index("--clearenv") - 4 : command.index("--clearenv")][:2] == ["--remount-ro", "/"]
    assert command[-5:] == [str(layout.python), "-I", "-c", "text", "1"]


def test_a_folder_without_a_python_is_told(tmp_path: Path) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.touch()

    with pytest.raises(NoSandbox, match="JAN_SANDBOX_PYTHON"):
        layout_of(SandboxSettings(python=tmp_path, bubblewrap=bwrap))


def test_filters_are_made_for_the_machines_that_are_known() -> None:
    for machine in ("x86_64", "aarch64"):
        steps = filter_of(machine)
        assert len(steps) % 8 == 0
        assert len(steps) // 8 < 4_096
    assert filter_of("x86_64") != filter_of("aarch64")
    with pytest.raises(NoFilter, match="riscv64"):
        filter_of("riscv64")
