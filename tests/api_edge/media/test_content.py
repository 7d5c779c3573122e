"""Files as HTTP has them: ranges, validators, and a store that fails in the middle."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest
from starlette.responses import StreamingResponse

from api_edge.media.content import BadRange, Span, content_of, span_of
from contracts.errors import ApiError, ErrorCode
from infra.store.media import MediaRow

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SIZE = 100
ROW = MediaRow(
    media_id="jan_1",
    tenant="t1",
    user_id="u",
    object_key="media/t1/jan_1",
    mime="image/png",
    bytes=SIZE,
    sha256="abc",
    filename='a"b.png',
    created_at=NOW,
    expires_at=NOW,
)


class Store:
    """A hundred bytes, in pieces of thirty; fails behind so many."""

    def __init__(self, fails_at: int = SIZE) -> None:
        self._fails_at = fails_at
        self.asked: list[tuple[int, int | None]] = []

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        assert key == ROW.object_key
        self.asked.append((start, length))
        end = SIZE if length is None else start + length
        for at in range(start, end, 30):
            if at >= self._fails_at:
                raise ApiError(ErrorCode.DEPENDENCY_DOWN, "The object store does not answer")
            yield bytes(range(at, min(at + 30, end)))


async def told(store: Store, headers: Mapping[str, str]) -> tuple[int, bytes]:
    answer = await content_of(store, ROW, headers, has_body=True)
    if not isinstance(answer, StreamingResponse):
        return answer.status_code, bytes(answer.body)
    return answer.status_code, b"".join([bytes(piece) async for piece in answer.body_iterator])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (None, None),
        ("bytes=0-9", Span(0, 10)),
        ("bytes = 5 - 9", Span(5, 5)),
        ("bytes=90-", Span(90, 10)),
        ("bytes=99-99", Span(99, 1)),
        ("bytes=50-1000", Span(50, 50)),
        ("bytes=-10", Span(90, 10)),
        ("bytes=-1000", Span(0, 100)),
        ("bytes=0-0,5-6", None),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("items=0-9", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_one_range_is_understood_and_anything_else_is_the_whole(
    asked: str | None, meant: Span | None
) -> None:
    assert span_of(asked, SIZE) == meant


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_without_a_byte_is_refused(asked: str) -> None:
    with pytest.raises(BadRange) as raised:
        span_of(asked, SIZE)

    assert (raised.value.detail.status, raised.value.size) == (416, SIZE)


async def test_a_range_is_read_alone() -> None:
    store = Store()

    assert await told(store, {"range": "bytes=20-59"}) == (206, bytes(range(20, 60)))
    assert store.asked == [(20, 40)]


@pytest.mark.parametrize("tags", ['"abc"', 'W/"abc"', '"x", "abc"', "*"])
async def test_who_has_the_bytes_gets_none(tags: str) -> None:
    store = Store()

    assert await told(store, {"if-none-match": tags, "range": "bytes=0-9"}) == (304, b"")
    assert store.asked == []


async def test_a_store_that_is_away_is_an_error_and_no_answer() -> None:
    with pytest.raises(ApiError):
        await content_of(Store(fails_at=0), ROW, {}, has_body=True)


async def test_a_store_that_fails_later_cuts_the_answer_off() -> None:
    with pytest.raises(ApiError):
        await told(Store(fails_at=60), {})


async def test_a_look_at_the_headers_reads_nothing() -> None:
    store = Store()

    answer = await content_of(store, ROW, {}, has_body=False)

    assert (answer.status_code, answer.headers["content-length"], store.asked) == (200, "100", [])
    assert answer.headers["content-disposition"] == 'inline; filename="a_b.png"'
