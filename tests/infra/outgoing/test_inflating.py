"""Compressed bodies, in pieces of any size, whole, broken, and far larger than they look."""

import gzip
import zlib

import pytest
from aiohttp import ClientPayloadError

from infra.outgoing.inflating import Inflater

BODY = bytes(range(256)) * 20
FORMS = [
    ("gzip", gzip.compress(BODY)),
    ("deflate", zlib.compress(BODY)),
    ("deflate", zlib.compress(BODY)[2:-4]),
]


@pytest.mark.parametrize(("encoding", "data"), FORMS, ids=["gzip", "zlib", "raw"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_pieces_of_any_size_inflate_to_the_same(encoding: str, data: bytes, step: int) -> None:
    inflater = Inflater(encoding)

    pieces = [inflater.take(data[at : at + step], 10_000) for at in range(0, len(data), step)]

    assert b"".join(pieces) == BODY
    assert inflater.is_whole


def test_no_more_comes_out_than_is_asked_for() -> None:
    assert len(Inflater("gzip").take(gzip.compress(bytes(10_000_000)), 1_000)) == 1_000


def test_what_has_not_ended_is_not_whole() -> None:
    inflater = Inflater("gzip")

    inflater.take(gzip.compress(BODY)[:-1], 10_000)

    assert not inflater.is_whole


def test_what_never_began_is_whole() -> None:
    assert Inflater("gzip").is_whole


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_broken_is_refused(encoding: str) -> None:
    with pytest.raises(ClientPayloadError):
        Inflater(encoding).take(b"\x18never was compressed", 10_000)


@pytest.mark.parametrize("step", [1, 10_000])
def test_what_follows_the_end_is_refused_and_not_kept(step: int) -> None:
    inflater, data = Inflater("gzip"), gzip.compress(BODY) + b"x"

    with pytest.raises(ClientPayloadError):
        [inflater.take(data[at : at + step], 10_000) for at in range(0, len(data), step)]
