"""What kind of file it is, and the text in its bytes, whatever its server says."""

import codecs

import pytest

from workers.tool.scrape.kinds import Kind, decoded, kind_of, plain


@pytest.mark.parametrize(
    ("content_type", "head", "kind"),
    [
        ("text/html", b"<p>hi", Kind.HTML),
        ("application/xhtml+xml", b"<?xml version='1.0'?>", Kind.HTML),
        ("text/plain", b"<!DOCTYPE html><html>", Kind.HTML),
        (None, b"\n <html>", Kind.HTML),
        ("text/html", b"%PDF-1.7", Kind.PDF),
        ("application/pdf", b"%PDF-1.4", Kind.PDF),
        ("application/pdf", b"not one", None),
        ("text/plain", b"just text", Kind.TEXT),
        ("text/csv", b"a,b", Kind.TEXT),
        ("application/json", b"{}", Kind.TEXT),
        ("application/ld+json", b"{}", Kind.TEXT),
        (None, b"words", Kind.TEXT),
        ("application/octet-stream", b"words", Kind.TEXT),
        ("application/octet-stream", b"MZ\0\0", None),
        ("text/plain", b"a\0b", None),
        ("text/html", b"a\0b", None),
        ("text/plain", codecs.BOM_UTF16_LE + "hi".encode("utf-16-le"), Kind.TEXT),
        ("image/png", b"\x89PNG", None),
        ("application/zip", b"PK", None),
    ],
)
def test_the_kind_is_told_by_the_bytes_first(
    content_type: str | None, head: bytes, kind: Kind | None
) -> None:
    assert kind_of(content_type, head) is kind


GREEK, GRUEN = "ελληνικά", "grün €"
SAYS = f'<meta charset="iso-8859-7">{GREEK}'


@pytest.mark.parametrize(
    ("data", "said", "text"),
    [
        (GRUEN.encode(), None, GRUEN),
        (GRUEN.encode(), "utf-8", GRUEN),
        (codecs.BOM_UTF8 + GRUEN.encode(), "latin-1", GRUEN),
        (codecs.BOM_UTF16_LE + GREEK.encode("utf-16-le"), "utf-8", GREEK),
        (GREEK.encode("iso8859-7"), "iso-8859-7", GREEK),
        (
            b'<meta charset="iso-8859-7">' + GREEK.encode("iso8859-7"),
            None,
            f'<meta charset="iso-8859-7">{GREEK}',
        ),
        (GRUEN.encode("cp1252"), "iso-8859-1", GRUEN),
        (GRUEN.encode(), "no-such-charset", GRUEN),
        (GRUEN.encode(), "base64", GRUEN),
        (GRUEN.encode(), "idna\0", GRUEN),
        (b"", "utf-8", ""),
    ],
)
def test_text_is_read_as_it_was_written(data: bytes, said: str | None, text: str) -> None:
    assert decoded(data, said) == text


@pytest.mark.parametrize("data", [b"\xff\xfe\xfd", b"\x80" * 100, bytes(range(256))])
@pytest.mark.parametrize("said", [None, "utf-8", "ascii", "utf-16", "shift_jis"])
def test_no_bytes_are_too_broken(data: bytes, said: str | None) -> None:
    assert isinstance(decoded(data, said), str)


def test_control_characters_go() -> None:
    assert plain("a\0b\x1b[31mc\r\nd\re\tf\x7f") == "ab[31mc\nd\ne\tf"
