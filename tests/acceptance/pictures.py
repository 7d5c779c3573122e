"""Images for tests, each of which no other test has, and how they are sent."""

import base64
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import aiohttp
from aiohttp import web
from PIL import Image

from tests.acceptance.asking import Json

MEDIA = "/v1/media"
UPLOAD = "/v1/media/upload"
PREPARE = "/v1/media/prepare-upload"
_chance = random.Random()  # noqa: S311  no secret, only never the same


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    """An image of noise."""
    buffer = BytesIO()
    Image.frombytes("RGB", size, _chance.randbytes(size[0] * size[1] * 3)).save(buffer, kind)
    return buffer.getvalue()


def flat(width: int, height: int) -> bytes:
    """An image of one colour: few bytes, many pixels."""
    buffer = BytesIO()
    Image.new("1", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def data_url(data: bytes, mime: str = "image/png") -> str:
    """An image as text."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def asked(data: bytes, mime: str = "image/png", **more: object) -> Json:
    """What takes an image in as a data URL."""
    return {"source": {"type": "data_url", "data_url": data_url(data, mime)}, **more}


def form(data: bytes, filename: str = "a.png", mime: str = "image/png") -> aiohttp.FormData:
    """What takes an image in as a form."""
    filled = aiohttp.FormData(quote_fields=False)
    filled.add_field("file", BytesIO(data), filename=filename, content_type=mime)
    return filled


async def uploaded(api: aiohttp.ClientSession, data: bytes, filename: str = "a.png") -> Json:
    """The media of an image that is sent."""
    async with api.post(UPLOAD, data=form(data, filename)) as answer:
        assert answer.status == 200, await answer.text()
        told: Json = await answer.json()
        return told


async def read(link: str) -> bytes:
    """What is behind a link, for somebody without a name."""
    async with aiohttp.ClientSession() as nobody, nobody.get(link) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


@asynccontextmanager
async def served(data: bytes, mime: str | None = "image/png") -> AsyncIterator[str]:
    """The address of a server that has one image, until the block ends."""

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=data, headers={} if mime is None else {"Content-Type": mime})

    app = web.Application()
    app.router.add_get("/{name}", give)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/harbour.png"
    finally:
        await runner.cleanup()
