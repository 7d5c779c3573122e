"""Files are written whole or not, whatever happens to the request or to the disk."""

import hashlib
from pathlib import Path

import pytest

from api_edge.media.receiving.writing import FileWriter, HashedFile
from contracts.errors import ApiError
from infra.settings import MIB


async def test_pieces_of_any_size_are_written_in_their_order(tmp_path: Path) -> None:
    pieces = [b"a", b"b" * (MIB - 1), b"c" * 3 * MIB, b"", b"d"]
    writer = FileWriter(tmp_path / "file")

    for piece in pieces:
        await writer.write(piece)
    sha256 = await writer.finish()

    data = b"".join(pieces)
    assert (writer.size, sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (tmp_path / "file").read_bytes() == data


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    await FileWriter(tmp_path / "file").finish()

    assert (tmp_path / "file").read_bytes() == b""


async def test_a_file_that_is_given_up_is_not_written_on(tmp_path: Path) -> None:
    writer = FileWriter(tmp_path / "file")
    await writer.write(b"x")

    await writer.close()
    await writer.close()

    assert not (tmp_path / "file").exists()


def test_a_late_write_of_a_cancelled_request_changes_nothing(tmp_path: Path) -> None:
    file = HashedFile(tmp_path / "file")
    file.put([b"a"])
    sha256 = file.close()

    file.put([b"b"])

    assert file.close() == sha256
    assert (tmp_path / "file").read_bytes() == b"a"


async def test_a_disk_that_takes_nothing_is_told_as_an_overload(tmp_path: Path) -> None:
    writer = FileWriter(tmp_path / "missing" / "file")

    with pytest.raises(ApiError) as raised:
        await writer.write(bytes(MIB))

    assert (raised.value.detail.status, raised.value.detail.code) == (503, "overloaded")
    assert str(tmp_path) not in raised.value.detail.message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is full")
def test_a_full_disk_is_told_as_an_overload_even_at_the_end() -> None:
    file = HashedFile(Path("/dev/full"))
    file.put([b"x"])

    with pytest.raises(ApiError, match="cannot be received here for now"):
        file.close()
