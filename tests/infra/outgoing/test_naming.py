"""The names of remote files, as servers and addresses give them."""

import pytest

from infra.outgoing.naming import name_of


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("inline", "path.png"),
        ("attachment; filename=a.png", "a.png"),
        ('attachment; filename="a b.png"', "a b.png"),
        ("attachment; filename=\"old.png\"; filename*=UTF-8''na%C3%AFve.png", "naïve.png"),
        ("attachment; filename*=nonsense''a.png", "a.png"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\files\\\\a.png"', "a.png"),
        ("attachment; filename*=UTF-8''a%0D%0Ab%00.png", "ab.png"),
        ("attachment; filename*=UTF-8''a%E2%80%AEgnp.exe", "agnp.exe"),
        ('attachment; filename=".."', "path.png"),
        ('attachment; filename=""', "path.png"),
        ('attachment; filename="a<b>|?*.png"', "a_b____.png"),
        ("attachment; filename=caf\udce9.png", "caf�.png"),
        (";;;=", "path.png"),
        (f"attachment; filename={'a' * 500}", "a" * 128),
    ],
)
def test_a_server_may_name_its_file(disposition: str, name: str) -> None:
    assert name_of(disposition, "/some/path.png") == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", None),
        ("/", None),
        ("/folder/", None),
        ("/a.png", "a.png"),
        ("/folder/a%20b.png", "a b.png"),
        ("/folder/..%2F..%2Fa.png", "a.png"),
        ("/%00%0a", None),
        ("/..", None),
        ("/%zz", "_zz"),
        ("/%ff", "�"),
    ],
)
def test_else_it_is_named_by_its_address(path: str, name: str | None) -> None:
    assert name_of(None, path) == name
