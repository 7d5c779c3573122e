"""Programs on a SandboxFusion (github.com/bytedance/SandboxFusion, POST /run_code).

It knows no sessions and lists no files: what is run there is a small program that runs the caller's and then
prints the files that are left, behind a mark that nothing prints by chance. What the service says of its own
failures repeats the code, and goes nowhere.
"""

import asyncio
import base64
import binascii
import inspect
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
from pydantic import BaseModel, ValidationError

from contracts.tools.python import RunStatus
from infra.settings import SandboxSettings
from workers.tool.ports import ToolFailed
from workers.tool.python import courier
from workers.tool.python.packing import BadPack, is_safe, unpack
from workers.tool.python.ports import Files, Outcome, Program

MOST = 8 * 1024 * 1024
"""Bytes of an answer."""
CARRIED = 4 * 1024 * 1024
"""Bytes of files that one answer brings."""
GRACE = 10.0
"""Seconds that an answer may take beside the program's own."""
PROGRAM = "jan_main.py"
PIECE = 64 * 1024

log = logging.getLogger(__name__)


class RunResult(BaseModel):
    """How the program ended there."""

    status: Literal["Finished", "Error", "TimeLimitExceeded"]
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class Answer(BaseModel):
    """What it answers, also where it fails."""

    status: Literal["Success", "Failed", "SandboxError"]
    run_result: RunResult | None = None


class Fusion:
    """A sandbox elsewhere; `open_fusion` makes it."""

    level = "remote"
    off_reason = None

    def __init__(self, settings: SandboxSettings, url: str, client: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._url = f"{url.rstrip('/')}/run_code"
        self._client = client
        self._places = asyncio.Semaphore(settings.at_once)

    async def run(self, program: Program) -> Outcome:
        """Wait for a place, and have it run. Raises ToolFailed where the service fails."""
        async with self._places:
            began, mark = time.monotonic(), secrets.token_hex(16)
            answer = _read(await self._asked(self._body(program, mark)))
            if answer.status == "SandboxError" or answer.run_result is None:
                raise _failed("it could not run the program")
            return self._outcome(answer.run_result, program, mark, time.monotonic() - began)

    def _body(self, program: Program, mark: str) -> dict[str, object]:
        files = {name: body for name, body in program.files.items() if is_safe(name)}
        files |= {PROGRAM: program.code.encode()}
        told = {"program": PROGRAM, "mark": mark, "most": CARRIED, "files": self._settings.files}
        return {
            "code": f"{inspect.getsource(courier)}\n\nmain({json.dumps(told)!r})\n",
            "language": "python",
            "run_timeout": self._settings.seconds,
            "memory_limit_MB": max(1, self._settings.memory // (1024 * 1024)),
            "files": {name: base64.b64encode(body).decode() for name, body in files.items()},
        }

    async def _asked(self, body: dict[str, object]) -> bytes:
        """The answer's bytes. Raises ToolFailed."""
        limit = aiohttp.ClientTimeout(total=self._settings.seconds + GRACE)
        try:
            async with self._client.post(
                self._url, json=body, timeout=limit, allow_redirects=False
            ) as answer:
                if answer.status != 200:  # noqa: PLR2004
                    raise _failed(f"it answered {answer.status}")
                return await _bounded(answer.content)
        except TimeoutError as error:
            raise _failed("it did not answer in time") from error
        except aiohttp.ClientError as error:
            raise _failed("it cannot be reached") from error

    def _outcome(self, result: RunResult, program: Program, mark: str, seconds: float) -> Outcome:
        printed, carried = _parted(result.stdout or "", mark)
        most = self._settings.output
        status = _status(result)
        code = result.return_code
        told = {
            RunStatus.TIMEOUT: f"The program did not end within {self._settings.seconds:g} seconds",
            RunStatus.ERROR: f"The program ended with exit code {code}",
        }
        files = _files(carried, self._settings.files)
        fresh = {name: body for name, body in files.items() if program.files.get(name) != body}
        return Outcome(
            status=status,
            stdout=_cut(printed, most),
            stderr=_cut(result.stderr or "", most),
            exit_code=None if status is RunStatus.TIMEOUT else code,
            seconds=seconds,
            is_truncated=max(len(printed.encode()), len((result.stderr or "").encode())) > most,
            error=told.get(status),
            files=files if program.keeps_all else fresh,
        )


@asynccontextmanager
async def open_fusion(settings: SandboxSettings, url: str) -> AsyncIterator[Fusion]:
    """The service at an address; connections are closed at the end."""
    async with aiohttp.ClientSession(trust_env=False) as client:
        yield Fusion(settings, url, client)


def _read(raw: bytes) -> Answer:
    try:
        return Answer.model_validate_json(raw)
    except ValidationError as error:
        raise _failed("its answer cannot be read") from error


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    found = bytearray()
    async for piece in content.iter_chunked(PIECE):
        found += piece
        if len(found) > MOST:
            raise _failed(f"its answer has more than {MOST:,} bytes")
    return bytes(found)


def _status(result: RunResult) -> RunStatus:
    if result.status == "TimeLimitExceeded":
        return RunStatus.TIMEOUT
    return RunStatus.OK if result.status == "Finished" and result.return_code == 0 else RunStatus.ERROR


def _parted(stdout: str, mark: str) -> tuple[str, str]:
    """What was printed, and what was carried behind it; a program that was ended carries nothing."""
    printed, found, carried = stdout.rpartition(mark)
    return (printed, carried) if found else (stdout, "")


def _files(carried: str, most: int) -> Files:
    try:
        found = unpack(base64.b64decode(carried.strip(), validate=True), most)
    except (binascii.Error, ValueError, BadPack):
        return {}
    return {name: body for name, body in found.items() if name != PROGRAM}


def _cut(text: str, most: int) -> str:
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").replace("\0", "")


def _failed(why: str) -> ToolFailed:
    log.warning("fusion_failed", extra={"error": why})
    return ToolFailed(f"The sandbox of this server does not work now: {why}")
