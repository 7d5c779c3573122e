"""Packed files: whole, or not at all; and no name leads out of its folder."""

import pytest

from workers.tool.python.packing import BadPack, is_safe, pack, unpack

MOST = 10


def test_files_come_out_as_they_went_in() -> None:
    files = {"a": b"", "b/c d\n.txt": b"\0\xff\n", "\N{SNOWMAN}": b"1" * 70_000}

    assert unpack(pack(files), MOST) == files


@pytest.mark.parametrize(
    "packed", [b"1 1", b"1 1\na", b"x 1\nab", b"-1 2\nab", b"1 99\nab", b"9" * 100, b"1  1\nab", b"\n"]
)
def test_what_is_no_pack_is_refused(packed: bytes) -> None:
    with pytest.raises(BadPack):
        unpack(packed, MOST)


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a//b", "./a", "a/.", "a\0b", "x" * 1_025])
def test_names_that_lead_elsewhere_are_left_out(name: str) -> None:
    assert not is_safe(name)
    assert unpack(pack({name: b"1", "fine": b"2"}), MOST) == {"fine": b"2"}


def test_no_more_files_are_read_than_wanted() -> None:
    assert len(unpack(pack({str(one): b"" for one in range(100)}), MOST)) == MOST
