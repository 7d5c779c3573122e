"""Programs in bubblewrap: what they may do, what they may not, and that nothing of them is left."""

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from contracts.tools.python import RunStatus
from tests.workers.tool.python.conftest import SETTINGS
from tests.workers.tool.python.hostile import FORGED, HOSTILE
from workers.tool.python.bubblewrap import Bubblewrap, open_bubblewrap
from workers.tool.python.cgroups import PREFIX, ROOT, sweep
from workers.tool.python.layout import NoSandbox
from workers.tool.python.packing import is_safe
from workers.tool.python.ports import Program

HELLO = Program("print('hello', 6 * 7)")
MARK = "jan-test-mark-5c1f"
"""In the arguments of a program that is looked for on the host."""


def left(pid: int) -> list[int]:
    """Processes of sandboxes below one: bubblewrap, its warden, programs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            for child in map(int, (task / "children").read_text().split()):
                command = Path(f"/proc/{child}/cmdline").read_bytes()
                is_ours = any(mark in command for mark in (b"--unshare-all", b"/tmp/main.py", MARK.encode()))
                found += [child] * is_ours + left(child)
    return found


@pytest.fixture
def broken() -> Iterator[Path]:
    """A bubblewrap that is let make nothing, where everybody can reach it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "bwrap")
        path.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
        path.chmod(0o755)
        yield path


def alive(mark: str) -> list[str]:
    """Processes whose command holds a mark."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and mark.encode() in (folder / "cmdline").read_bytes():
                found.append(folder.name)
    return found


@contextmanager
def listening() -> Iterator[str]:
    """An abstract socket of the host; nobody may come."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0jan-{os.getpid()}")
        server.listen(1)
        yield f"\0jan-{os.getpid()}"


async def test_a_program_prints_and_leaves_files(sandbox: Bubblewrap) -> None:
    code = "import data\nopen('out.csv', 'w').write('a')\nopen('deep.txt', 'w').write('b')\nprint(data.X)"

    outcome = await sandbox.run(Program(code, {"data.py": b"X = 42", "same.txt": b"same"}))

    assert (outcome.status, outcome.stdout, outcome.exit_code, outcome.error) == (
        RunStatus.OK,
        "42\n",
        0,
        None,
    )
    assert outcome.files == {"out.csv": b"a", "deep.txt": b"b"}


async def test_all_files_are_handed_out_where_they_are_wanted(sandbox: Bubblewrap) -> None:
    outcome = await sandbox.run(
        Program("import os; os.remove('old')", {"old": b"1", "a/b": b"2"}, keeps_all=True)
    )

    assert outcome.files == {"a/b": b"2"}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_program_is_contained_while_another_goes_on(sandbox: Bubblewrap, name: str) -> None:
    hostile = HOSTILE[name]
    with listening() as address:
        code = hostile.code.replace("ADDRESS", repr(address))
        both = await asyncio.gather(sandbox.run(Program(code)), sandbox.run(HELLO))

    outcome, other = both
    assert other.stdout == "hello 42\n"
    assert outcome.status is hostile.status, outcome
    assert hostile.printed in outcome.stdout
    assert hostile.unprinted not in outcome.stdout + outcome.stderr
    assert len(outcome.stdout) <= SETTINGS.output
    assert all(is_safe(file) for file in outcome.files)
    assert not {"leak.txt", "loop", "one", "two", "fifo"} & set(outcome.files)
    assert left(os.getpid()) == []


async def test_what_a_sandbox_says_of_its_files_leads_nowhere_else(sandbox: Bubblewrap) -> None:
    outcome = await sandbox.run(Program(FORGED))

    assert all(is_safe(name) for name in outcome.files)


async def test_the_next_program_sees_nothing_of_the_last(sandbox: Bubblewrap) -> None:
    write = "for one in ('a', '/tmp/a', '/dev/shm/a'): open(one, 'w').write('x')"
    look = "import os; print([os.listdir(one) for one in ('/work', '/tmp', '/dev/shm')])"
    await sandbox.run(Program(write))
    await sandbox.run(Program(write))

    both = [await sandbox.run(Program(look)) for _ in range(2)]

    assert [json.loads(one.stdout.replace("'", '"')) for one in both] == [[[], ["main.py"], []]] * 2


async def test_a_cancelled_program_is_gone_when_its_call_is(sandbox: Bubblewrap) -> None:
    code = f"import os\nos.fork()\nos.fork()\nos.execv('/usr/bin/sleep', ['{MARK}', '600'])"
    task = asyncio.create_task(sandbox.run(Program(code)))
    async with asyncio.timeout(10):
        while not alive(MARK):
            await asyncio.sleep(0.01)

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert alive(MARK) == []
    assert left(os.getpid()) == []
    assert (await sandbox.run(HELLO)).stdout == "hello 42\n"


async def test_a_killed_worker_takes_its_programs_along() -> None:
    code = f"import os; os.execv('/usr/bin/sleep', ['{MARK}', '600'])"
    worker = (
        "import asyncio\n"
        "from workers.tool.python.bubblewrap import open_bubblewrap\n"
        "from workers.tool.python.ports import Program\n"
        "from infra.settings import SandboxSettings\n"
        "async def main():\n"
        "    async with open_bubblewrap(SandboxSettings()) as sandbox:\n"
        f"        await sandbox.run(Program({code!r}))\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", worker)
    async with asyncio.timeout(20):
        while process.returncode is None and alive(MARK + "\0" + "600") == []:
            await asyncio.sleep(0.01)
        if process.returncode is not None:
            pytest.skip("there is no sandbox on this machine")

        process.kill()
        await process.wait()
        while alive(MARK + "\0" + "600"):
            await asyncio.sleep(0.01)
        while any(ROOT.glob(f"**/{PREFIX}{process.pid}-*")):
            sweep()
            await asyncio.sleep(0.01)


async def test_more_programs_than_places_wait(sandbox: Bubblewrap) -> None:
    outcomes = await asyncio.gather(*(sandbox.run(HELLO) for _ in range(6)))

    assert {outcome.stdout for outcome in outcomes} == {"hello 42\n"}


async def test_a_program_uses_no_more_of_the_processor_than_it_may() -> None:
    settings = SETTINGS.model_copy(update={"cpu_seconds": 1.0, "seconds": 20.0})
    try:
        async with open_bubblewrap(settings) as sandbox:
            outcome = await sandbox.run(Program("while True: pass"))
    except NoSandbox as error:
        pytest.skip(str(error))

    assert outcome.status is RunStatus.TIMEOUT
    assert outcome.error == "The program used its 1 seconds of the processor"


async def test_at_the_end_no_cgroup_is_left() -> None:
    try:
        async with open_bubblewrap(SETTINGS) as sandbox:
            await sandbox.run(HELLO)
    except NoSandbox as error:
        pytest.skip(str(error))

    assert list(ROOT.glob(f"**/{PREFIX}{os.getpid()}-*")) == []


async def test_without_a_bubblewrap_that_works_there_is_no_sandbox(broken: Path) -> None:
    with pytest.raises(NoSandbox, match="lets bubblewrap make no namespaces"):
        async with open_bubblewrap(SETTINGS.model_copy(update={"bubblewrap": broken})):
            pass
