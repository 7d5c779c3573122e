"""Files that come in pieces: whole, or not there."""

import asyncio
from pathlib import Path

import pytest

from infra.outgoing.saving import NotSaved, saving
from infra.settings import MIB
from tests.infra.outgoing.remote import is_empty


async def test_pieces_become_one_file(tmp_path: Path) -> None:
    pieces = [bytes([number]) * (MIB // 3) for number in range(10)]

    async with saving(tmp_path / "file") as file:
        for piece in pieces:
            await file.write(piece)

    assert file.size == 10 * (MIB // 3)
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


async def test_no_pieces_become_an_empty_file(tmp_path: Path) -> None:
    async with saving(tmp_path / "file"):
        pass

    assert (tmp_path / "file").read_bytes() == b""


async def test_nothing_is_left_when_the_block_fails(tmp_path: Path) -> None:
    async def fail() -> None:
        async with saving(tmp_path / "file") as file:
            await file.write(bytes(2 * MIB))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert is_empty(tmp_path)


async def test_nothing_is_left_when_it_is_cancelled_before_the_file_is_open(tmp_path: Path) -> None:
    async def save() -> None:
        async with saving(tmp_path / "file"):
            raise AssertionError

    task = asyncio.ensure_future(save())
    asyncio.get_running_loop().call_soon(task.cancel)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_empty(tmp_path)


async def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("/dev/full")  # the link is what is removed, not the device

    with pytest.raises(NotSaved):
        async with saving(tmp_path / "file") as file:
            await file.write(bytes(2 * MIB))

    assert is_empty(tmp_path)


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotSaved):
        async with saving(tmp_path / "none" / "file"):
            raise AssertionError
