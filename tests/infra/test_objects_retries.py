"""The object store behind a server that fails now and then."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.objects import PART, ObjectError, open_objects
from infra.settings import ObjectSettings

BEGUN = (
    "<InitiateMultipartUploadResult><Bucket>jan</Bucket><Key>k</Key><UploadId>u1</UploadId>"
    "</InitiateMultipartUploadResult>"
)
DONE = (
    "<CompleteMultipartUploadResult><Bucket>jan</Bucket><Key>k</Key><ETag>e</ETag>"
    "</CompleteMultipartUploadResult>"
)


class Failing:
    """An S3 that takes a file in parts, each at the try that is told; it remembers what was sent."""

    def __init__(self, tries: int) -> None:
        self.tries = tries
        self.parts: dict[int, list[str]] = {}
        self.calls: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.Response:
        self.calls[request.method] += 1
        match request.method:
            case "PUT":
                return await self._take(request)
            case "POST":
                return web.Response(text=BEGUN if "uploads" in request.query else DONE)
            case _:
                return web.Response(status=204)

    async def _take(self, request: web.Request) -> web.Response:
        sent = self.parts.setdefault(int(request.query["partNumber"]), [])
        sent.append(hashlib.sha256(await request.read()).hexdigest())
        return web.Response(status=503 if len(sent) < self.tries else 200, headers={"ETag": '"e"'})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sent"
    path.write_bytes(b"".join(bytes([part]) * PART for part in range(2)) + b"the rest")
    return path


@pytest.mark.parametrize("tries", [1, 3])
async def test_a_part_that_is_sent_again_has_the_same_bytes(file: Path, tries: int) -> None:
    s3 = Failing(tries)
    async with serving(s3) as settings, open_objects(settings) as objects:
        await objects.put_file("k", file, "image/png")

    expected = [hashlib.sha256(part).hexdigest() for part in (bytes(PART), b"\1" * PART, b"the rest")]
    assert s3.parts == {number: [part] * tries for number, part in enumerate(expected, 1)}


async def test_parts_of_a_file_that_cannot_be_written_are_given_up(file: Path) -> None:
    s3 = Failing(tries=99)
    async with serving(s3) as settings, open_objects(settings) as objects:
        with pytest.raises(ObjectError, match="does not answer"):
            await objects.put_file("k", file, "image/png")

    assert s3.calls["DELETE"] == 1


@asynccontextmanager
async def serving(s3: Failing) -> AsyncIterator[ObjectSettings]:
    app = web.Application(client_max_size=2 * PART)
    app.router.add_route("*", "/{path:.*}", s3.answer)
    async with TestServer(app) as server:
        yield ObjectSettings(endpoint=f"http://127.0.0.1:{server.port}", timeout=5)
