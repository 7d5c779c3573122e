"""Files as one run of bytes: for the way into a sandbox and out of it, and for sessions in the object store.

Each is `name-length size newline name bytes`. What comes out of a sandbox may have been forged, so that it is
read with limits and no name leads out of its folder.
"""

from collections.abc import Iterator

from workers.tool.python.ports import Files

LONGEST_HEAD = 32
LONGEST_NAME = 1_024


class BadPack(ValueError):
    """These are no packed files."""


def pack(files: Files) -> bytes:
    """One run of bytes; names that are no UTF-8 stay as they are."""
    return b"".join(_entry(name.encode("utf-8", "surrogateescape"), body) for name, body in files.items())


def unpack(packed: bytes, most: int) -> dict[str, bytes]:
    """At most so many files; those with a name that could lead elsewhere are left out. Raises BadPack."""
    found: dict[str, bytes] = {}
    for raw, body in _entries(packed):
        name = raw.decode("utf-8", "replace")
        if is_safe(name) and len(found) < most:
            found[name] = body
    return found


def is_safe(name: str) -> bool:
    """Whether it is a path below a folder."""
    parts = name.split("/")
    return 0 < len(name) <= LONGEST_NAME and "\0" not in name and not {"", ".", ".."} & set(parts)


def _entry(name: bytes, body: bytes) -> bytes:
    return b"%d %d\n%b%b" % (len(name), len(body), name, body)


def _entries(packed: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(packed):
        head_end = packed.find(b"\n", at, at + LONGEST_HEAD)
        name_length, _, size = packed[at:head_end].partition(b" ")
        if head_end < 0 or not name_length.isdigit() or not size.isdigit():
            raise BadPack("no head of a file")
        body_at = head_end + 1 + int(name_length)
        at = body_at + int(size)
        if at > len(packed):
            raise BadPack("it is cut short")
        yield packed[head_end + 1 : body_at], packed[body_at:at]
