"""A SandboxFusion that answers by script."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from contracts.tools.python import RunStatus
from infra.settings import SandboxSettings
from workers.tool.ports import ToolFailed
from workers.tool.python import fusion
from workers.tool.python.fusion import Fusion, open_fusion
from workers.tool.python.ports import Program

SETTINGS = SandboxSettings(kind="fusion", seconds=5)
WORDS = "the code of somebody"
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: Answering, settings: SandboxSettings = SETTINGS) -> AsyncIterator[Fusion]:
    """A service whose one path answers so."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/run_code", answer)
    async with TestServer(app) as server, open_fusion(settings, str(server.make_url("/"))) as opened:
        yield opened


def said(status: str, result: dict[str, Any] | None, message: str = "") -> Answering:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"status": status, "message": message, "run_result": result, "files": {}})

    return answer


def really(folder: Path) -> Answering:
    """What the service does: the code and its files in a folder, and a Python that runs it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        for name, body in asked["files"].items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(base64.b64decode(body))
        (folder / "tmp.py").write_text(asked["code"])
        ended = await asyncio.to_thread(
            lambda: subprocess.run([sys.executable, "tmp.py"], cwd=folder, capture_output=True, check=False)
        )
        return web.json_response(
            {
                "status": "Failed" if ended.returncode else "Success",
                "message": WORDS,
                "run_result": {
                    "status": "Finished",
                    "return_code": ended.returncode,
                    "stdout": ended.stdout.decode(),
                    "stderr": ended.stderr.decode(),
                },
            }
        )

    return answer


async def test_a_program_prints_and_leaves_files(tmp_path: Path) -> None:
    program = Program("print(open('given').read()); open('out.csv', 'w').write('1')", {"given": b"42"})

    async with answering(really(tmp_path)) as sandbox:
        outcome = await sandbox.run(program)

    assert (outcome.status, outcome.stdout, outcome.exit_code) == (RunStatus.OK, "42\n", 0)
    assert outcome.files == {"out.csv": b"1"}


async def test_all_files_are_handed_out_where_they_are_wanted(tmp_path: Path) -> None:
    async with answering(really(tmp_path)) as sandbox:
        outcome = await sandbox.run(Program("pass", {"given": b"42"}, keeps_all=True))

    assert outcome.files == {"given": b"42"}


async def test_an_exit_code_is_told(tmp_path: Path) -> None:
    async with answering(really(tmp_path)) as sandbox:
        outcome = await sandbox.run(Program("print('a'); raise SystemExit(3)"))

    assert (outcome.status, outcome.stdout, outcome.exit_code) == (RunStatus.ERROR, "a\n", 3)


async def test_names_that_lead_elsewhere_are_not_sent() -> None:
    asked: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        return await said("Success", {"status": "Finished", "return_code": 0})(request)

    async with answering(answer) as sandbox:
        await sandbox.run(Program("pass", {"../a": b"", "/etc/b": b"", "c": b""}))

    assert set(asked[0]["files"]) == {"c", fusion.PROGRAM}
    assert asked[0]["run_timeout"] == SETTINGS.seconds


async def test_time_that_is_over_is_told() -> None:
    async with answering(said("Failed", {"status": "TimeLimitExceeded", "stdout": "so far"})) as sandbox:
        outcome = await sandbox.run(Program("pass"))

    assert (outcome.status, outcome.stdout, outcome.exit_code) == (RunStatus.TIMEOUT, "so far", None)
    assert outcome.error == "The program did not end within 5 seconds"


async def test_much_output_is_cut() -> None:
    settings = SETTINGS.model_copy(update={"output": 10})
    result = {"status": "Finished", "return_code": 0, "stdout": "x" * 100, "stderr": "\0y"}

    async with answering(said("Success", result), settings) as sandbox:
        outcome = await sandbox.run(Program("pass"))

    assert (outcome.stdout, outcome.stderr, outcome.is_truncated) == ("x" * 10, "y", True)


async def failed(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text=WORDS)


async def moved(_: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


async def no_json(_: web.Request) -> web.StreamResponse:
    return web.Response(text=json.dumps({"status": WORDS}))


async def endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(1 << 14):  # 1 GiB
        await answer.write(b" " * (1 << 16))
    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return answer


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (failed, "it answered 500"),
        (moved, "it answered 302"),
        (no_json, "its answer cannot be read"),
        (endless, "its answer has more than 8,388,608 bytes"),
        (cut, "it cannot be reached"),
        (silent, "it did not answer in time"),
        (said("SandboxError", None, WORDS), "it could not run the program"),
        (said("Failed", None, WORDS), "it could not run the program"),
    ],
)
async def test_a_service_that_fails_is_told_in_one_sentence(
    answer: Answering, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "GRACE", 0.5)
    settings = SETTINGS.model_copy(update={"seconds": 0.5 if answer is silent else 10.0})

    async with answering(answer, settings) as sandbox:
        with pytest.raises(ToolFailed) as failure:
            await sandbox.run(Program(WORDS))

    assert str(failure.value) == f"The sandbox of this server does not work now: {why}"


async def test_a_service_that_is_not_there_is_told() -> None:
    async with open_fusion(SETTINGS, "http://127.0.0.1:1") as sandbox:
        with pytest.raises(ToolFailed, match="it cannot be reached"):
            await sandbox.run(Program("pass"))
