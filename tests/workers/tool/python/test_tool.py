"""python_exec on a real database and a real store: sessions, artifacts, and what a caller is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, update

from contracts.ids import new_ulid
from contracts.tools.python import PythonResult, RunStatus
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.objects import ObjectMissing, ObjectStore, open_objects
from infra.settings import DatabaseSettings, MediaSettings, ObjectSettings, SandboxSettings
from infra.store.media import media_page
from infra.store.sandbox_sessions import SandboxSessionRow
from tests.infra.store.scratch import scratch_database
from workers.tool.core.arguments import BadArguments
from workers.tool.ports import Call, ToolFailed
from workers.tool.python.artifacts import Artifacts, mime_of, shown
from workers.tool.python.opening import NoneHere
from workers.tool.python.ports import Files, Outcome, Program
from workers.tool.python.sessions import Sessions, key_of
from workers.tool.python.tool import PythonExec

pytestmark = pytest.mark.stack

DONE = Outcome(RunStatus.OK, "printed", "", 0, 0.5)
SETTINGS = SandboxSettings(artifacts=2, artifact_bytes=100, session_bytes=200)
Running = Callable[[Program], Outcome]


class Scripted:
    """A sandbox that does what it is told, and counts who is in it at once."""

    level = "full"
    off_reason = None

    def __init__(self) -> None:
        self.does: Running = lambda _: DONE
        self.programs: list[Program] = []
        self.at_once = self.most_at_once = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def run(self, program: Program) -> Outcome:
        self.programs.append(program)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self.goes_on.wait()
            return self.does(program)
        finally:
            self.at_once -= 1


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as settings:
        await upgrade(settings)
        async with open_database(settings) as opened:
            yield opened


@pytest.fixture
async def bucket(objects: ObjectSettings) -> AsyncIterator[ObjectStore]:
    own = objects.model_copy(update={"bucket": f"jan-{new_ulid().lower()}"})
    async with open_objects(own) as opened:
        await opened.ensure_bucket()
        yield opened


@pytest.fixture
def sandbox() -> Scripted:
    return Scripted()


@pytest.fixture
def sessions(store: Database, bucket: ObjectStore) -> Sessions:
    return Sessions(SETTINGS, store, bucket)


@pytest.fixture
def tool(sandbox: Scripted, sessions: Sessions, store: Database, bucket: ObjectStore) -> PythonExec:
    return PythonExec(SETTINGS, sandbox, sessions, Artifacts(SETTINGS, MediaSettings(), store, bucket))


def call(tenant: str = "tenant-a", user: str = "user-a", **arguments: Any) -> Call:
    return Call(new_ulid(), tenant, user, {"code": "pass"} | arguments, 0.0)


def leaving(files: Files) -> Running:
    return lambda _: replace(DONE, files=files)


async def ran(tool: PythonExec, asked: Call) -> PythonResult:
    result = await tool.call(asked)
    assert not result.is_error
    return PythonResult.model_validate(result.structured)


async def test_what_a_program_did_is_the_result(tool: PythonExec) -> None:
    result = await ran(tool, call())

    assert (result.stdout, result.exit_code, result.status, result.duration_ms) == ("printed", 0, "ok", 500)
    assert (result.session_id, result.artifacts, result.error) == (None, [], None)


async def test_a_program_that_fails_is_no_failure_of_the_tool(tool: PythonExec, sandbox: Scripted) -> None:
    sandbox.does = lambda _: replace(DONE, status=RunStatus.ERROR, exit_code=3, error="It ended with 3")

    result = await ran(tool, call())

    assert (result.status, result.exit_code, result.error) == ("error", 3, "It ended with 3")


async def test_unapproved_calls_run_nothing(
    sandbox: Scripted, sessions: Sessions, store: Database, bucket: ObjectStore
) -> None:
    strict = SETTINGS.model_copy(update={"needs_approval": True})
    tool = PythonExec(strict, sandbox, sessions, Artifacts(strict, MediaSettings(), store, bucket))

    with pytest.raises(ToolFailed, match="only when their user has approved"):
        await tool.call(call(approved=True))
    await tool.call(replace(call(), approved=True))

    assert len(sandbox.programs) == 1


async def test_where_there_is_no_sandbox_nothing_runs(
    sessions: Sessions, store: Database, bucket: ObjectStore
) -> None:
    tool = PythonExec(
        SETTINGS, NoneHere("There is none"), sessions, Artifacts(SETTINGS, MediaSettings(), store, bucket)
    )

    assert tool.off_reason == "There is none"
    with pytest.raises(ToolFailed, match="There is none"):
        await tool.call(call())


@pytest.mark.parametrize(
    "arguments", [{"code": ""}, {"language": "bash"}, {"session_id": "../x"}, {"code": "x" * 300_000}]
)
async def test_bad_arguments_run_nothing(tool: PythonExec, sandbox: Scripted, arguments: Any) -> None:
    with pytest.raises(BadArguments):
        await tool.call(call(**arguments))

    assert sandbox.programs == []


async def test_artifacts_are_media_of_the_tenant(
    tool: PythonExec, sandbox: Scripted, store: Database, bucket: ObjectStore
) -> None:
    sandbox.does = leaving({"deep/out.csv": b"a,b", "evil.html": b"<script>"})

    result = await ran(tool, call())

    csv, html = result.artifacts
    assert (csv.name, csv.mime, csv.size) == ("deep/out.csv", "text/csv", 3)
    assert html.mime == "application/octet-stream"
    assert csv.url == f"/v1/media/{csv.id}/content"
    async with store.begin() as session:
        rows, _ = await media_page(session, "tenant-a", datetime.now(UTC), limit=10, after=None, order="asc")
    assert {row.media_id: row.filename for row in rows} == {csv.id: "out.csv", html.id: "evil.html"}
    assert await bucket.get(rows[0].object_key) == b"a,b"


async def test_too_many_and_too_large_files_are_told(tool: PythonExec, sandbox: Scripted) -> None:
    sandbox.does = leaving({"large": b"x" * 101, "a": b"1", "b": b"2", "c": b"3"})

    result = await ran(tool, call())

    assert [artifact.name for artifact in result.artifacts] == ["a", "b"]
    assert result.error == "2 files were not kept: at most 2 of 100 bytes each are"


async def test_a_full_storage_is_told_and_the_run_stays(
    sandbox: Scripted, sessions: Sessions, store: Database, bucket: ObjectStore
) -> None:
    full = MediaSettings(tenant_bytes=5)
    tool = PythonExec(SETTINGS, sandbox, sessions, Artifacts(SETTINGS, full, store, bucket))
    sandbox.does = leaving({"a": b"1234", "b": b"5678"})

    result = await ran(tool, call())

    assert (result.stdout, [artifact.name for artifact in result.artifacts]) == ("printed", ["a"])
    assert result.error is not None
    assert result.error.startswith("1 files could not be kept: Your media would take more than")


async def test_a_session_keeps_its_files(tool: PythonExec, sandbox: Scripted) -> None:
    sandbox.does = leaving({"a": b"1"})
    first = await ran(tool, call(session_id="s"))
    second = await ran(tool, call(session_id="s"))

    assert [program.files for program in sandbox.programs] == [{}, {"a": b"1"}]
    assert [len(one.artifacts) for one in (first, second)] == [1, 0]
    assert second.session_id == "s"


@pytest.mark.parametrize(("tenant", "user"), [("tenant-b", "user-a"), ("tenant-a", "user-b")])
async def test_a_session_of_the_same_name_is_another(
    tool: PythonExec, sandbox: Scripted, tenant: str, user: str
) -> None:
    sandbox.does = leaving({"a": b"1"})
    await ran(tool, call(session_id="s"))
    await ran(tool, call(tenant, user, session_id="s"))

    assert [program.files for program in sandbox.programs] == [{}, {}]


async def test_calls_of_one_session_come_one_after_another(tool: PythonExec, sandbox: Scripted) -> None:
    sandbox.does = lambda program: replace(DONE, files={**program.files, str(len(program.files)): b"x"})

    await asyncio.gather(*(ran(tool, call(session_id="s")) for _ in range(4)))

    assert sandbox.most_at_once == 1
    assert [len(program.files) for program in sandbox.programs] == [0, 1, 2, 3]


async def test_a_cancelled_call_leaves_its_session_free_and_as_it_was(
    tool: PythonExec, sandbox: Scripted
) -> None:
    sandbox.does = leaving({"a": b"1"})
    await ran(tool, call(session_id="s"))
    sandbox.goes_on.clear()
    task = asyncio.create_task(tool.call(call(session_id="s")))
    async with asyncio.timeout(10):
        while not sandbox.at_once:
            await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    sandbox.goes_on.set()
    await ran(tool, call(session_id="s"))
    assert sandbox.programs[-1].files == {"a": b"1"}


async def test_a_session_that_is_too_large_stays_as_it_was(tool: PythonExec, sandbox: Scripted) -> None:
    sandbox.does = leaving({"a": b"1"})
    await ran(tool, call(session_id="s"))
    sandbox.does = leaving({"a": b"x" * 300})
    result = await ran(tool, call(session_id="s"))
    await ran(tool, call(session_id="s"))

    assert result.error is not None
    assert "it has those of the call before" in result.error
    assert sandbox.programs[-1].files == {"a": b"1"}


async def test_a_program_that_was_ended_leaves_its_session_as_it_was(
    tool: PythonExec, sandbox: Scripted
) -> None:
    sandbox.does = leaving({"a": b"1"})
    await ran(tool, call(session_id="s"))
    sandbox.does = lambda _: replace(DONE, status=RunStatus.TIMEOUT, exit_code=None)
    await ran(tool, call(session_id="s"))
    await ran(tool, call(session_id="s"))

    assert sandbox.programs[-1].files == {"a": b"1"}


async def test_sessions_whose_time_is_over_go(
    tool: PythonExec, sandbox: Scripted, sessions: Sessions, store: Database, bucket: ObjectStore
) -> None:
    sandbox.does = leaving({"a": b"1"})
    await ran(tool, call(session_id="old"))
    await ran(tool, call(session_id="young"))
    old, young = (key_of("tenant-a", "user-a", name) for name in ("old", "young"))
    async with store.begin() as session:
        await session.exec(
            update(SandboxSessionRow)
            .where(col(SandboxSessionRow.object_key) == old)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )

    assert await sessions.sweep() == 1
    assert await bucket.get(young)
    with pytest.raises(ObjectMissing):
        await bucket.get(old)


@pytest.mark.parametrize(
    ("name", "body", "mime"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n...", "image/png"),
        ("a.png", b"<svg>", "application/octet-stream"),
        ("a.webp", b"RIFF1234WEBP", "image/webp"),
        ("a.CSV", b"1,2", "text/csv"),
        ("a.csv", b"\xff\xfe", "application/octet-stream"),
        ("a.json", b"{}", "application/json"),
        ("a.json", b"{", "application/octet-stream"),
        ("a.svg", b"<svg>", "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_content_tells(name: str, body: bytes, mime: str) -> None:
    assert mime_of(name, body) == mime


def test_names_are_shown_without_control_characters() -> None:
    assert shown("a\x1b[31m\n\u202e.txt") == "a_[31m__.txt"
