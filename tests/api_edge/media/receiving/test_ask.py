"""Data URLs, short and long, escaped, lying and broken; and addresses, which are only passed on."""

import base64
import hashlib
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from api_edge.media.receiving import Received, ReceiveLimits, receive_ask
from api_edge.media.receiving.data_url import PIECE
from contracts.errors import ApiError
from contracts.wire.media import MediaAsk
from infra.settings import MIB
from tests.api_edge.media.receiving.test_form import Endless, Sender, kept, scope

LIMITS = ReceiveLimits(most=100_000)
SMALL = bytes(range(256))
LARGE = bytes(range(251)) * 300
"""More than is read as it is."""


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def ask(data_url: str, **more: Any) -> bytes:
    return json.dumps({"source": {"type": "data_url", "data_url": data_url}, **more}).encode()


async def taken(path: Path, body: bytes, limits: ReceiveLimits = LIMITS) -> tuple[MediaAsk, Received | None]:
    pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)] or [b""]
    return await receive_ask(scope("application/json"), Sender(pieces), path / "file", limits, depth=64)


async def refused(path: Path, body: bytes) -> tuple[int, str | None, str]:
    with pytest.raises(ApiError) as raised:
        await taken(path, body)
    detail = raised.value.detail
    return detail.status, detail.param, detail.message


@pytest.mark.parametrize("data", [b"x", SMALL, LARGE, bytes(100_000)], ids=["1", "256", "75 K", "100 K"])
async def test_a_data_url_becomes_a_file(tmp_path: Path, data: bytes) -> None:
    told, received = await taken(tmp_path, ask(url(data), filename="a.png"))

    assert told.filename == "a.png"
    assert received == Received(len(data), hashlib.sha256(data).hexdigest(), None, "image/png")
    assert kept(tmp_path) == data


async def test_slashes_and_letters_may_be_escaped(tmp_path: Path) -> None:
    data = b"\xff\xef\xbe" * 22_000  # "/++" and the like
    text = ask(url(data)).replace(b"/", b"\\/").replace(b"+", b"\\u002b")

    _, received = await taken(tmp_path, text, ReceiveLimits(most=MIB))

    assert received is not None
    assert kept(tmp_path) == data


async def test_escapes_are_not_cut_between_two_pieces(tmp_path: Path) -> None:
    data = b"\xff\xff\xff" * 700_000
    body = ask(url(data)).replace(b"/", b"\\/")

    _, received = await taken(tmp_path, body, ReceiveLimits(most=20 * MIB))

    assert received is not None
    assert kept(tmp_path) == data


@pytest.mark.parametrize("data", [b"a", b"ab", LARGE + b"a"])
async def test_padding_may_be_left_out(tmp_path: Path, data: bytes) -> None:
    await taken(tmp_path, ask(url(data).rstrip("=")))

    assert kept(tmp_path) == data


@pytest.mark.parametrize("count", [1, 8_000])
async def test_a_data_url_may_be_percent_encoded(tmp_path: Path, count: int) -> None:
    _, received = await taken(tmp_path, ask("data:image/svg+xml;charset=utf-8," + "%3Csvg%3E" * count))

    assert received is not None
    assert received.mime == "image/svg+xml"
    assert kept(tmp_path) == b"<svg>" * count


async def test_an_address_is_passed_on(tmp_path: Path) -> None:
    body = json.dumps({"source": {"type": "remote_url", "url": "https://pictures.example/a.png"}}).encode()

    told, received = await taken(tmp_path, body)

    assert (told.source.url, received) == ("https://pictures.example/a.png", None)


LONG = "A" * 80_000


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"[]", 400, None),
        (b"{}", 400, "source"),
        (ask(""), 400, "source"),
        (ask("https://pictures.example/a.png"), 400, "source.data_url"),
        (ask("data:image/png;base64"), 400, "source.data_url"),
        (ask("data:image/png;base64,"), 400, "source.data_url"),
        (ask("data:image/png;base64,a b"), 400, "source.data_url"),
        (ask("data:image/png;base64,a-_b"), 400, "source.data_url"),
        (ask("data:image/png;base64,AAAA=AAA"), 400, "source.data_url"),
        (ask("data:image/png;base64,A"), 400, "source.data_url"),
        (ask("data:image/png;base64," + LONG + "é"), 400, "source.data_url"),
        (ask("data:image/png;base64," + LONG + "\n"), 400, "source.data_url"),
        (ask("data:image/png;base64,AA==" + LONG), 400, "source.data_url"),
        (ask("data:image/png;base64,AA="), 400, "source.data_url"),
        (ask(url(SMALL), other="data:" + LONG), 400, "source.data_url"),
        (ask("data:" + LONG), 400, "source.data_url"),
        (ask("data:text/plain,é"), 400, "source.data_url"),
        (ask("data:text/plain,a\nb"), 400, "source.data_url"),
        (ask("data:text/plain," + LONG).replace(b"AAA", b"A\nA", 1), 400, "source.data_url"),
        (ask("data:image/png\x00;base64,AAAA"), 400, "source.data_url"),
        (ask(url(SMALL, "image/" + "x" * 64)), 400, "source.data_url"),
        (ask(url(bytes(100_001))), 413, "source.data_url"),
        (ask(url(SMALL), filename="x" * 257), 400, "filename"),
        (ask(url(SMALL), other="x" * 70_000), 413, None),
        (ask(url(LARGE)).replace(b'"data_url":', b'"url":'), 400, "source"),
        (json.dumps({"source": {"type": "file", "url": "x"}}).encode(), 400, "source"),
        (ask(url(LARGE))[:-30], 400, None),
        (b'{"source": "\\"data:' + b"x" * 9_000 + b'"}', 400, None),
        (b'{"source": "\\"data:' + b"x" * 90_000 + b'"}', 413, None),
        (b'{"other": "' + b"\\\\" * 100 + b'", "source": "data:' + b"x" * 90_000 + b'"}', 400, None),
        (b'"' * 100_000, 413, None),
        (b"[" * 60_000, 400, None),
    ],
)
async def test_what_is_wrong_is_told(tmp_path: Path, body: bytes, status: int, param: str | None) -> None:
    told = await refused(tmp_path, body)

    assert told[0] == status, told
    assert param is None or (told[1] or "").startswith(param), told
    assert len(told[2]) < 300


async def test_a_body_that_is_larger_than_any_file_is_not_read_on(tmp_path: Path) -> None:
    status, _, message = await refused(tmp_path, ask(url(bytes(300_000))))

    assert (status, message) == (413, "The file may have at most 100,000 bytes")


async def test_a_body_that_is_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as raised:
        await receive_ask(scope("multipart/form-data"), Sender([b"x"]), tmp_path / "file", LIMITS, depth=64)

    assert raised.value.detail.status == 415


@pytest.mark.parametrize(
    "body",
    [
        {"source": {"type": "remote_url", "url": "https://pictures.example/a"}, "filename": "data:" + LONG},
        {"source": {"type": "remote_url", "url": "data:" + LONG}},
        {"source": {"type": "data_url", "data_url": "data:,a"}, "filename": "data:" + LONG},
        {"data:" + LONG: 1, "source": {"type": "data_url", "data_url": "data:,a"}},
        {"source": {"type": "data_url", "data_url": "data:,a", "url": url(LARGE)}},
        {"data_url": url(LARGE), "source": {"type": "data_url", "data_url": "data:,a"}},
    ],
    ids=["a name", "an address", "a name beside", "a key", "the wrong key", "the wrong place"],
)
async def test_a_long_text_stands_in_its_place_or_is_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    status, param, _ = await refused(tmp_path, json.dumps(body).encode())

    assert (status, param) == (400, "source.data_url")


async def test_of_two_data_urls_by_one_key_the_last_counts_or_none(tmp_path: Path) -> None:
    long = url(LARGE)
    before = f'{{"source":{{"type":"data_url","data_url":"data:,a","data_url":"{long}"}}}}'
    behind = f'{{"source":{{"type":"data_url","data_url":"{long}","data_url":"data:,a"}}}}'

    await taken(tmp_path, before.encode())

    assert kept(tmp_path) == LARGE
    assert (await refused(tmp_path, behind.encode()))[:2] == (400, "source.data_url")


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
async def test_a_scheme_may_be_written_in_capitals(tmp_path: Path, data: bytes) -> None:
    await taken(tmp_path, ask(url(data).replace("data:", "DATA:")))

    assert kept(tmp_path) == data


async def test_a_data_url_in_another_text_is_no_data_url(tmp_path: Path) -> None:
    other = 'a "data:image/png;base64,' + "A" * 5_000 + '" b \\'

    await taken(tmp_path, ask(url(LARGE), other=other))

    assert kept(tmp_path) == LARGE


async def test_quotes_may_stand_in_percent_encoded_text(tmp_path: Path) -> None:
    await taken(tmp_path, ask('data:image/svg+xml,<svg xmlns="a">' + "%0a" * 30_000))

    assert kept(tmp_path) == b'<svg xmlns="a">' + b"\n" * 30_000


@pytest.mark.parametrize("shift", range(12))
async def test_no_escape_is_cut_wherever_it_stands(tmp_path: Path, shift: int) -> None:
    text = "a" * (PIECE - shift) + "\\\\" * 3 + "\\u002b" * 3 + "\\/" * 3
    body = f'{{"source":{{"type":"data_url","data_url":"data:,{text}"}}}}'

    await taken(tmp_path, body.encode(), ReceiveLimits(most=MIB))

    assert kept(tmp_path) == b"a" * (PIECE - shift) + b"\\" * 3 + b"+++///"


async def test_a_name_is_made_safe(tmp_path: Path) -> None:
    told, _ = await taken(tmp_path, ask(url(SMALL), filename="../../etc/pass\u202ewd"))
    nothing, _ = await taken(tmp_path, ask(url(SMALL), filename=".."))

    assert (told.filename, nothing.filename) == ("passwd", None)


async def test_a_file_whose_slashes_are_all_escaped_is_taken_up_to_the_limit(tmp_path: Path) -> None:
    data = (b"\xff" * 3 + bytes(45)) * 22_000
    body = ask(url(data)).replace(b"/", b"\\/")

    _, received = await taken(tmp_path, body, ReceiveLimits(most=len(data)))

    assert received is not None
    assert received.sha256 == hashlib.sha256(data).hexdigest()


async def test_a_body_that_says_it_is_too_large_is_not_read(tmp_path: Path) -> None:
    sender = Sender([b"x"])
    told = scope("application/json", content_length="300000")

    with pytest.raises(ApiError, match="at most 100,000 bytes"):
        await receive_ask(told, sender, tmp_path / "file", LIMITS, depth=64)

    assert sender.asked == 0


async def test_a_large_data_url_takes_little_memory(tmp_path: Path) -> None:
    head, _, tail = ask("data:image/png;base64,|").partition(b"|")
    sender = Endless(head, b"A" * 65_536, 420, tail)

    tracemalloc.start()
    try:
        asked = receive_ask(
            scope("application/json"), sender, tmp_path / "file", ReceiveLimits(most=20 * MIB), depth=64
        )
        _, received = await asked
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert received is not None
    assert received.size == 420 * 49_152 == (tmp_path / "file").stat().st_size
    assert peak < 4 * MIB
