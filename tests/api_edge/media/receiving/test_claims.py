"""Names and types as senders tell them, and as attackers do."""

import pytest

from api_edge.media.receiving.claims import safe_filename, told_filename, told_type
from contracts.errors import ApiError


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.png", "y.png"),
        ("/", None),
        ("..", None),
        ("", None),
        (None, None),
        ("a\x00\r\nb.png", "ab.png"),
        ('a"b.png', "a_b.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ud800x.png", "x.png"),
        ("日" * 200, "日" * 85),  # three bytes each
    ],
)
def test_a_name_is_its_last_part_cleaned(told: str | None, meant: str | None) -> None:
    assert safe_filename(told) == meant


@pytest.mark.parametrize(
    ("disposition", "plain", "meant"),
    [
        ("form-data; filename*=UTF-8''gr%C3%BCn.png", None, "grün.png"),
        ("form-data; FILENAME* = iso-8859-1'de'gr%FCn.png", None, "grün.png"),
        ("form-data; filename=\"a.png\"; filename*=utf-8''b.png", b"a.png", "b.png"),
        ("form-data; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", None, "passwd"),
        ("form-data; filename*=UTF-8''%FF%00.png", None, "\ufffd.png"),
        ("form-data; filename*=klingon''a.png", b"b.png", "b.png"),
        ("", b"=?UTF-8?B?Z3LDvG4ucG5n?=", "grün.png"),
        ("", b"=?utf-8?Q?gr=C3=BCn=2Epng?=", "grün.png"),
        ("", b"=?klingon?B?AAAA?=", "=_klingon_B_AAAA_="),
        ("", b"=?UTF-8?B?/////w?=", "w_="),  # what cannot be decoded is a path
        ("", "grün.png".encode(), "grün.png"),
        ("", "grün.png".encode("latin-1"), "gr\ufffdn.png"),
        ("", b"a%22b.png", "a_b.png"),
    ],
)
def test_names_come_in_every_writing(disposition: str, plain: bytes | None, meant: str) -> None:
    assert told_filename(disposition, plain) == meant


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("image/png", "image/png"),
        (" IMAGE/PNG ; charset=binary", "image/png"),
        ("image/svg+xml", "image/svg+xml"),
        ("", None),
        (" ; a=b", None),
    ],
)
def test_a_type_is_told_without_its_parameters(told: str, meant: str | None) -> None:
    assert told_type(told, "file") == meant


@pytest.mark.parametrize(
    "told", ["image", "image/png\x00", "a/b/c", "image/" + "x" * 64, "imäge/png", "/png"]
)
def test_what_is_no_type_is_refused(told: str) -> None:
    with pytest.raises(ApiError, match="no type") as raised:
        told_type(told, "file")

    assert (raised.value.detail.status, raised.value.detail.param) == (400, "file")
