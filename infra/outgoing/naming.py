"""The name of a remote file, as its server gives it or as its URL ends, made safe to keep and to show."""

import re
import unicodedata
from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import unquote

MOST = 128
"""Characters."""
_SEPARATORS = re.compile(r"[\\/]")
_UNSAFE = re.compile(r'["<>|:*?;%]')


def name_of(disposition: str | None, path: str) -> str | None:
    """The name in a Content-Disposition (RFC 6266), else the last part of a URL's path, else None."""
    return _safe(_told(disposition)) or _safe(unquote(path.rpartition("/")[2])) or None


def _told(disposition: str | None) -> str:
    if not disposition:
        return ""
    message = Message()
    message["Content-Disposition"] = disposition.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    found = message.get_params([], "Content-Disposition")
    names = [value for key, value in found if key.lower() == "filename"]
    names.sort(key=lambda value: isinstance(value, str))  # the extended form counts (RFC 6266, section 4.3)
    return collapse_rfc2231_value(names[0]) if names else ""


def _safe(name: str) -> str:
    """Without folders, control characters, halves of characters, and what is special in headers."""
    last = _SEPARATORS.split(name)[-1]
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return _UNSAFE.sub("_", shown).strip(" .")[:MOST]
