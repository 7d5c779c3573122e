"""What a sender says of its file: a name and a type, neither to be believed."""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote

from contracts.errors import ApiError, ErrorCode
from infra.presigning import safe_name

MOST_NAME = 255
"""Bytes, as file systems have it."""
MOST_TYPE = 64
"""Characters that are kept."""
_EXTENDED = re.compile(r""";\s*filename\*\s*=\s*"?(utf-8|iso-8859-1)'[^']*'([^;"\s]*)""", re.IGNORECASE)
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_QUOTED = {"%22": '"', "%0D": " ", "%0A": " "}
"""What browsers write for what would end the name (HTML, "multipart/form-data encoding algorithm")."""


def safe_filename(text: str | None) -> str | None:
    """A name without paths, control characters and what is special in a header; None: nothing is left."""
    return safe_name(text).encode()[:MOST_NAME].decode(errors="ignore") or None


def told_filename(disposition: str, plain: bytes | None) -> str | None:
    """The safe name of a part, by its Content-Disposition, read as latin-1, and the plain `filename` in it.

    RFC 7578 wants raw UTF-8; RFC 5987's `filename*` and RFC 2047's encoded words come nevertheless.
    """
    extended = _EXTENDED.search(disposition)
    if extended:
        return safe_filename(unquote(extended[2], extended[1]))
    name = (plain or b"").decode("utf-8", "replace")
    for quoted, meant in _QUOTED.items():
        name = name.replace(quoted, meant)
    return safe_filename(_decoded(name))


def told_type(text: str, param: str) -> str | None:
    """A type in lower case and without its parameters; None for none. Raises ApiError naming `param`."""
    told = text.partition(";")[0].strip().lower()
    if told and (len(told) > MOST_TYPE or not _TYPE.fullmatch(told)):
        raise ApiError(ErrorCode.INVALID_VALUE, "The file's type is no type such as image/png", param=param)
    return told or None


def _decoded(name: str) -> str:
    if not (name.startswith("=?") and name.endswith("?=")):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        return name
