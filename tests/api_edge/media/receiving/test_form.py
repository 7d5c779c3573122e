"""Multipart forms as clients send them, cut anywhere, and as no client should."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from api_edge.media.receiving import Received, ReceiveLimits, receive_form
from api_edge.middleware.body import ClientGone
from contracts.errors import ApiError
from infra.settings import MIB

BOUNDARY = "b0undary"
DATA = bytes(range(256)) * 3 + b"\r\n--b0undar\r\n--b0undaryx"
LIMITS = ReceiveLimits(most=2_000)


def part(name: str, data: bytes, *, filename: str | None = "a.png", mime: str | None = "image/png") -> bytes:
    told = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    kind = f"\r\nContent-Type: {mime}" if mime else ""
    return f"--{BOUNDARY}\r\n{told}{kind}\r\n\r\n".encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Sender:
    """An ASGI `receive` that gives pieces."""

    def __init__(self, pieces: Iterable[bytes], *, leaves: bool = False) -> None:
        self._pieces = list(pieces)
        self._leaves = leaves
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if not self._pieces:
            assert self._leaves, "asked for more than the body"
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or self._leaves}


def scope(kind: str = f"multipart/form-data; boundary={BOUNDARY}", **headers: str) -> dict[str, Any]:
    told = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in told.items()]}


async def received(path: Path, *pieces: bytes, **more: str) -> Received:
    return await receive_form(scope(**more), Sender(pieces), path / "file", LIMITS)


async def refused(path: Path, *pieces: bytes, **more: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as raised:
        await received(path, *pieces, **more)
    return raised.value.detail.status, raised.value.detail.message


def kept(path: Path) -> bytes:
    return (path / "file").read_bytes()


async def test_the_file_is_kept_as_it_came_and_hashed_on_the_way(tmp_path: Path) -> None:
    body = form(part("user_id", b"anonymous", filename=None, mime=None), part("file", DATA))

    told = await received(tmp_path, body)

    assert told == Received(len(DATA), hashlib.sha256(DATA).hexdigest(), "a.png", "image/png")
    assert kept(tmp_path) == DATA


async def test_a_form_may_be_cut_anywhere(tmp_path: Path) -> None:
    body = form(part("file", DATA))

    for at in range(len(body)):
        assert (await received(tmp_path, body[:at], body[at:])).size == len(DATA)
        assert kept(tmp_path) == DATA
    await received(tmp_path, *(bytes([byte]) for byte in body))
    assert kept(tmp_path) == DATA


@pytest.mark.parametrize(
    ("filename", "meant"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\y.png", "y.png"),
        ("a\x00\x1b[31mb.png", "a[31mb.png"),
        ("grün.png", "grün.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("x" * 500, "x" * 128),
        ("..", None),
        ("\x07", None),
        (None, None),
    ],
)
async def test_a_name_is_made_safe(tmp_path: Path, filename: str | None, meant: str | None) -> None:
    assert (await received(tmp_path, form(part("file", b"x", filename=filename)))).filename == meant


async def test_a_file_may_say_nothing_of_its_type(tmp_path: Path) -> None:
    assert (await received(tmp_path, form(part("file", b"x", mime=None)))).mime is None


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (form(part("picture", b"x")), 400, "The form has no part named file"),
        (form(), 400, "The form has no part named file"),
        (form(part("file", b"")), 400, "The file is empty"),
        (form(part("file", b"x"), part("file", b"y")), 400, "The form has two files: send one at a time"),
        (part("file", b"x"), 400, "The form is broken: its last boundary is missing"),
        (b"", 400, "The form is broken: its last boundary is missing"),
        (b"no form at all", 400, "The form is broken"),
        (form(part("file", b"x" * 2_001)), 413, "The file may have at most 2,000 bytes"),
        (form(part("other", b"x" * 65_537)), 413, "The fields beside the file may have at most 65,536 bytes"),
        (form(*[part("p", b"x")] * 65), 400, "The form has more than 64 parts"),
        (
            f"--{BOUNDARY}\r\nX: {'y' * 100_000}\r\n\r\n".encode() + b"x\r\n" + form(),
            400,
            "The form is broken",
        ),
    ],
)
async def test_what_is_wrong_with_a_form_is_told(
    tmp_path: Path, body: bytes, status: int, message: str
) -> None:
    assert await refused(tmp_path, body) == (status, message)


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=x", "image/png"]
)
async def test_what_is_no_form_is_refused(tmp_path: Path, kind: str) -> None:
    assert (await refused(tmp_path, b"x", kind=kind))[0] == 415


async def test_a_compressed_form_is_refused(tmp_path: Path) -> None:
    assert (await refused(tmp_path, b"x", content_encoding="gzip"))[0] == 415


async def test_a_body_that_says_it_is_too_large_is_not_read(tmp_path: Path) -> None:
    sender = Sender([b"x"])

    with pytest.raises(ApiError, match="at most 2,000 bytes"):
        await receive_form(scope(content_length=str(2 * MIB)), sender, tmp_path / "file", LIMITS)

    assert sender.asked == 0


async def test_a_body_that_says_too_little_is_not_read_on_forever(tmp_path: Path) -> None:
    pieces = [form(part("file", b"x"))[:-4], *[b"\r\n" * 32_768] * 100]

    with pytest.raises(ApiError):
        await receive_form(scope(), Sender(pieces), tmp_path / "file", LIMITS)


async def test_a_client_that_leaves_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ClientGone):
        await receive_form(scope(), Sender([b"--"], leaves=True), tmp_path / "file", LIMITS)


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    limits = ReceiveLimits(most=10, seconds=0.05, idle=0.01)

    async def silence() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ApiError, match="did not arrive"):
        await receive_form(scope(), silence, tmp_path / "file", limits)


async def test_a_form_within_the_file_is_only_a_file(tmp_path: Path) -> None:
    inner = form(part("file", b"inner")).replace(BOUNDARY.encode(), b"other")

    told = await received(tmp_path, form(part("file", inner, mime="multipart/mixed; boundary=other")))

    assert (told.size, told.mime) == (len(inner), "multipart/mixed")
    assert kept(tmp_path) == inner


@pytest.mark.parametrize(
    "data", [b"\r\n", b"\r", b"\n", b"--", b"\r\n--", b"\r\n--b0undar", b"a\r\n\r\n", b"\r\r\n"]
)
async def test_the_ends_of_lines_belong_to_the_file(tmp_path: Path, data: bytes) -> None:
    body = form(part("file", data))

    for at in range(len(body)):
        await received(tmp_path, body[:at], body[at:])
        assert kept(tmp_path) == data


async def test_what_stands_before_and_behind_a_form_is_read_over(tmp_path: Path) -> None:
    body = b"\r\n" + form(part("file", DATA)) + b"an epilogue"

    assert (await received(tmp_path, body)).size == len(DATA)


async def test_ten_thousand_parts_are_refused_at_the_first_too_many(tmp_path: Path) -> None:
    sender = Sender([part("p", b"x") for _ in range(10_000)])

    with pytest.raises(ApiError, match="more than 64 parts"):
        await receive_form(scope(), sender, tmp_path / "file", ReceiveLimits(most=20 * MIB))

    assert sender.asked == 65


async def test_the_header_of_a_part_is_bounded(tmp_path: Path) -> None:
    sender = Sender([f"--{BOUNDARY}\r\nX: ".encode(), *[b"y" * 1_000] * 10_000])

    with pytest.raises(ApiError, match="broken"):
        await receive_form(scope(), sender, tmp_path / "file", ReceiveLimits(most=20 * MIB))

    assert sender.asked < 20


@pytest.mark.parametrize("mime", ["image", "image/png\x00", "image/" + "x" * 64])
async def test_a_type_that_is_none_is_refused(tmp_path: Path, mime: str) -> None:
    assert (await refused(tmp_path, form(part("file", b"x", mime=mime))))[0] == 400


async def test_a_name_may_come_as_rfc_5987_has_it(tmp_path: Path) -> None:
    body = form(part("file", b"x", filename="*")).replace(b'filename="*"', b"filename*=UTF-8''gr%C3%BCn.png")

    assert (await received(tmp_path, body)).filename == "grün.png"


async def test_a_file_that_grows_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    sender = Sender([part("file", b"")[:-2], *[bytes(1_000)] * 100], leaves=True)

    with pytest.raises(ApiError, match="at most 2,000 bytes"):
        await receive_form(scope(content_length="2100"), sender, tmp_path / "file", LIMITS)

    assert sender.asked == 4


class Endless(Sender):
    """Gives one piece many times, between a head and a tail, and holds it once."""

    def __init__(self, head: bytes, piece: bytes, times: int, tail: bytes) -> None:
        super().__init__([])
        self._body = chain([head], repeat(piece, times), [tail])
        self._left = times + 2

    @override
    async def __call__(self) -> dict[str, Any]:
        self._left -= 1
        return {"type": "http.request", "body": next(self._body), "more_body": self._left > 0}


async def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    data = bytes(65_536)
    sender = Endless(part("file", b"")[:-2], data, 320, b"\r\n" + form())

    tracemalloc.start()
    try:
        told = await receive_form(scope(), sender, tmp_path / "file", ReceiveLimits(most=20 * MIB))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert told.size == 20 * MIB == (tmp_path / "file").stat().st_size
    assert peak < 4 * MIB
