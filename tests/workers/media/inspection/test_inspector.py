"""Files that are images, that only say so, and that are made to hurt whoever opens them."""

import asyncio
import os
import signal
import struct
import time
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from contracts.errors import ApiError
from workers.media.inspection import Found, Inspector, Limits, digest, open_inspector

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inspector() -> AsyncIterator[Inspector]:
    async with open_inspector(Limits()) as inspector:
        yield inspector


pytestmark = pytest.mark.asyncio(loop_scope="module")


def image(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> bytes:
    buffer = BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, color: int, line: int, *before: bytes) -> bytes:
    """A PNG whose pixels are all zero, of any size, made without holding it."""
    packer = zlib.compressobj(9)
    row = bytes(1 + line)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"".join([PNG_HEAD, chunk(b"IHDR", head), *before, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def animated(frames: int, kind: str = "GIF") -> bytes:
    buffer = BytesIO()
    first, *rest = [Image.new("L", (16, 16), number % 256) for number in range(frames)]
    first.save(buffer, kind, save_all=True, append_images=rest)
    return buffer.getvalue()


def kept(path: Path, data: bytes) -> Path:
    file = path / "file"
    file.write_bytes(data)
    return file


async def refused(
    inspector: Inspector, path: Path, declared: str | None = None
) -> tuple[int, str | None, str]:
    with pytest.raises(ApiError) as raised:
        await inspector.inspect(path, declared)
    detail = raised.value.detail
    assert detail.param == "file"
    return detail.status, detail.code, detail.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
async def test_an_image_is_what_its_content_tells(inspector: Inspector, tmp_path: Path, kind: str) -> None:
    found = await inspector.inspect(kept(tmp_path, image(kind)), None)

    assert found == Found(f"image/{kind.lower()}", 64, 48, 1)


@pytest.mark.parametrize(
    "declared",
    ["image/png", "IMAGE/PNG; charset=utf-8", "image/x-png", "application/octet-stream", "", None],
)
async def test_its_sender_may_say_so_or_nothing(
    inspector: Inspector, tmp_path: Path, declared: str | None
) -> None:
    assert (await inspector.inspect(kept(tmp_path, image("PNG")), declared)).mime == "image/png"


@pytest.mark.parametrize(
    "declared", ["image/jpeg", "image/svg+xml", "text/html", "application/pdf", "nonsense"]
)
async def test_a_type_that_lies_is_refused(inspector: Inspector, tmp_path: Path, declared: str) -> None:
    status, code, message = await refused(inspector, kept(tmp_path, image("PNG")), declared)

    assert (status, code) == (400, "invalid_value")
    assert message == "The file is image/png, and not what its sender says"


@pytest.mark.parametrize(
    "data",
    [SVG, b"%PDF-1.7\n", b"<html><img src=x>", b"hello", b"\x00" * 100, b"\x1f\x8b\x08\x00", b"GIF88a...."],
    ids=["svg", "pdf", "html", "text", "zeros", "gzip", "no gif"],
)
@pytest.mark.parametrize("declared", [None, "image/png"])
async def test_what_is_no_image_is_refused(
    inspector: Inspector, tmp_path: Path, data: bytes, declared: str | None
) -> None:
    status, code, message = await refused(inspector, kept(tmp_path, data), declared)

    assert (status, code) == (415, "unsupported_media_type")
    assert "image/jpeg, image/png, image/webp, image/gif, image/bmp, image/tiff" in message


async def test_an_empty_file_is_refused(inspector: Inspector, tmp_path: Path) -> None:
    assert await refused(inspector, kept(tmp_path, b"")) == (400, "invalid_value", "The file is empty")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
async def test_a_truncated_file_is_refused(inspector: Inspector, tmp_path: Path, kind: str) -> None:
    noise = Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3))
    buffer = BytesIO()
    noise.save(buffer, kind)
    data = buffer.getvalue()

    status, code, message = await refused(inspector, kept(tmp_path, data[: len(data) // 2]))

    assert (status, code) == (400, "invalid_value")
    assert message.startswith("The file is broken: it begins as image/")


@pytest.mark.parametrize(
    "data",
    [
        PNG_HEAD + b"%PDF-1.7 rest",
        b"GIF89a/*<html><script>alert(1)</script>*/=1;",
        b"\xff\xd8\xff\xe0 no jpeg",
        b"BM" + b"x" * 60,
        b"II*\x00" + b"\xff" * 60,
        b"RIFF\x10\x00\x00\x00WEBPVP8 " + b"x" * 30,
    ],
    ids=["pdf as png", "script as gif", "jpeg", "bmp", "tiff", "webp"],
)
async def test_what_only_begins_as_an_image_is_refused(
    inspector: Inspector, tmp_path: Path, data: bytes
) -> None:
    status, code, _ = await refused(inspector, kept(tmp_path, data))

    assert (status, code) in {(400, "invalid_value"), (413, "body_too_large")}


@dataclass(frozen=True)
class Bomb:
    """The header of a PNG, and the bytes of a line."""

    width: int
    height: int
    depth: int
    color: int
    line: int


@pytest.mark.parametrize(
    "bomb",
    [
        Bomb(50_000, 50_000, 1, 0, 6_250),
        Bomb(13_300, 13_300, 8, 2, 39_900),
        Bomb(9_400, 9_400, 8, 6, 37_600),
        Bomb(20_000, 1, 8, 0, 20_000),
    ],
    ids=["50,000 x 50,000 bits", "177 megapixels", "88 megapixels with alpha", "a long side"],
)
async def test_a_bomb_of_pixels_is_not_decoded(inspector: Inspector, tmp_path: Path, bomb: Bomb) -> None:
    data = png(bomb.width, bomb.height, bomb.depth, bomb.color, bomb.line)
    assert len(data) < 2_000_000

    status, code, message = await refused(inspector, kept(tmp_path, data))

    assert (status, code) == (413, "body_too_large")
    assert f"{bomb.width} x {bomb.height}" in message


async def test_a_bomb_of_text_does_not_grow(inspector: Inspector, tmp_path: Path) -> None:
    text = chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(200_000_000), 9))

    status, _, _ = await refused(inspector, kept(tmp_path, png(8, 8, 8, 0, 8, text)))

    assert status in {400, 413}


async def test_the_largest_image_that_is_taken_in_can_be_decoded(
    inspector: Inspector, tmp_path: Path
) -> None:
    data = png(8_000, 5_000, 8, 6, 32_000)

    assert (await inspector.inspect(kept(tmp_path, data), "image/png")).width == 8_000


async def test_frames_are_counted_and_bounded(inspector: Inspector, tmp_path: Path) -> None:
    assert (await inspector.inspect(kept(tmp_path, animated(200)), None)).frames == 200

    status, _, message = await refused(inspector, kept(tmp_path, animated(201)))

    assert (status, message) == (413, "The image has more than 200 frames")


async def test_a_later_page_is_bounded_as_the_first_one(tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.new("1", (8, 8)).save(buffer, "TIFF", save_all=True, append_images=[Image.new("1", (900, 900))])

    async with open_inspector(Limits(pixels=10_000)) as inspector:
        status, _, message = await refused(inspector, kept(tmp_path, buffer.getvalue()))

    assert (status, "900 x 900" in message) == (413, True)


def endless(path: Path, declared: str | None, limits: Limits) -> Found:
    while True:
        time.sleep(60)


def fatal(path: Path, declared: str | None, limits: Limits) -> Found:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def greedy(path: Path, declared: str | None, limits: Limits) -> Found:
    return Found("image/png", len(bytearray(limits.memory)), 1, 1)


def writing(path: Path, declared: str | None, limits: Limits) -> Found:
    path.with_name("stolen").write_bytes(b"x")
    raise AssertionError


@pytest.mark.parametrize("hostile", [endless, fatal, greedy, writing])
async def test_whatever_a_file_does_to_its_process_the_next_one_is_looked_at(
    inspector: Inspector, tmp_path: Path, hostile: Callable[[Path, str | None, Limits], Found]
) -> None:
    path = kept(tmp_path, image("PNG"))

    status, _, message = await refused(Inspector(Limits(seconds=0.5), hostile), path)

    assert (status, "cannot be decoded within" in message) == (413, True)
    assert (await inspector.inspect(path, None)).mime == "image/png"
    assert not (tmp_path / "stolen").exists() or (tmp_path / "stolen").stat().st_size == 0


async def test_many_files_are_looked_at_at_once(inspector: Inspector, tmp_path: Path) -> None:
    path = kept(tmp_path, image("JPEG"))

    found = await asyncio.gather(*(inspector.inspect(path, "image/jpg") for _ in range(20)))

    assert {one.mime for one in found} == {"image/jpeg"}


async def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    told = await digest(kept(tmp_path, b"abc"))

    assert told == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
