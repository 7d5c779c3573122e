"""What kind of file was fetched, by its first bytes and by what its server says, and the text in it."""

import codecs
import re
from enum import Enum

import charset_normalizer

HEAD = 2_048
"""Bytes in which a page says how it is written (HTML Standard, section 4.2.5.4: 1,024)."""
LIKE_HTML = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title|meta|script|div|p)\b", re.I | re.S
)
TEXTS = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml|yaml|x-yaml|x-ndjson|javascript|ld\+json|csv|rtf)"
)
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
META = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
DECLARED = re.compile(rb"<\?xml[^>]+encoding\s*=\s*[\"']([\w.:-]+)", re.I)
CONTROL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
"""What no text needs: PostgreSQL takes no NUL, terminals obey some of the others."""


class Kind(Enum):
    """What can be read."""

    HTML = "html"
    PDF = "pdf"
    TEXT = "text"


def kind_of(content_type: str | None, head: bytes) -> Kind | None:
    """By the first bytes, else by what its server says; None for what cannot be read."""
    if head.startswith(b"%PDF-"):
        return Kind.PDF
    start = head
    for mark, _ in MARKS:
        start = start.removeprefix(mark)
    said = content_type or ""
    if said in {"text/html", "application/xhtml+xml"} or LIKE_HTML.match(start):
        return Kind.HTML if not _is_binary(head) else None
    if TEXTS.fullmatch(said) or said in {"", "application/octet-stream"}:
        return None if _is_binary(head) else Kind.TEXT
    return None


def decoded(data: bytes, said: str | None) -> str:
    """The text in bytes: by their mark, by what their server says, by what they say, by a guess."""
    for mark, marked in MARKS:
        if data.startswith(mark):
            return plain(data.decode(marked, "replace"))
    for name in (said, _own(data), "utf-8"):
        codec = _codec(name)
        if codec is None:
            continue
        try:
            return plain(data.decode(codec))
        except UnicodeDecodeError:
            if name == said:
                return plain(data.decode(codec, "replace"))
    guessed = charset_normalizer.from_bytes(data[: 64 * HEAD]).best()
    return plain(data.decode(guessed.encoding if guessed else "latin-1", "replace"))


def plain(text: str) -> str:
    """Without control characters, and with one kind of line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(CONTROL)


def _own(data: bytes) -> str | None:
    found = META.search(data[:HEAD]) or DECLARED.search(data[:HEAD])
    return found[1].decode("ascii", "replace") if found else None


def _codec(name: str | None) -> str | None:
    """A codec of text by its name; latin-1 is read as cp1252, as browsers do (encoding.spec.whatwg.org)."""
    if name is None:
        return None
    try:
        found = codecs.lookup(name.strip())
    except (LookupError, ValueError):
        return None
    if not found._is_text_encoding:  # noqa: SLF001  there is no public way to ask
        return None
    return "cp1252" if found.name in {"iso8859-1", "ascii"} else found.name


def _is_binary(head: bytes) -> bool:
    return b"\0" in head and not any(head.startswith(mark) for mark, _ in MARKS[1:])
