"""Files on their way take a place each, and leave nothing."""

import os
import time
from pathlib import Path

import pytest

from api_edge.media.receiving import Spool
from contracts.errors import ApiError


async def test_a_file_is_gone_with_its_request(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1)

    with pytest.raises(ValueError, match="broken"):
        await _break(spool)

    assert _places(tmp_path) == []


async def test_no_more_files_are_received_than_there_are_places(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1)

    async with spool.file():
        with pytest.raises(ApiError) as raised:
            async with spool.file():
                raise AssertionError
    async with spool.file():
        pass

    assert (raised.value.detail.status, raised.value.detail.retry_after) == (503, 5.0)


def test_what_killed_processes_left_is_removed_a_day_later(tmp_path: Path) -> None:
    old, new, other = tmp_path / "jan-upload-old", tmp_path / "jan-upload-new", tmp_path / "other"
    for place in (old, new, other):
        place.mkdir()
        _write(place / "file")
    for place in (old, other):
        os.utime(place, (time.time() - 90_000,) * 2)

    Spool(tmp_path, 1).clear()

    assert _places(tmp_path) == ["jan-upload-new", "other"]


async def test_a_folder_that_is_missing_is_made_at_the_start(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a" / "b", 1)

    with pytest.raises(ApiError) as raised:
        async with spool.file():
            raise AssertionError
    spool.clear()
    async with spool.file() as path:
        assert path.parent.exists()

    assert raised.value.detail.status == 503


async def _break(spool: Spool) -> None:
    async with spool.file() as path:
        _write(path)
        raise ValueError("broken")


def _write(path: Path) -> None:
    path.write_bytes(b"x")


def _places(path: Path) -> list[str]:
    return sorted(place.name for place in path.iterdir())
