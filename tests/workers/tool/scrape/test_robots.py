"""robots.txt: who asks, what is remembered, and what counts where there is none."""

from pathlib import Path

import pytest

from contracts.errors import ApiError, ErrorCode
from infra.outgoing.fetching import BadStatus, Fetched
from workers.tool.scrape.robots import MOST, Robots

RULES = b"User-agent: *\nDisallow: /private\n\nUser-agent: JanServer\nDisallow: /not-us\n"


class Sites:
    """Sites with one robots.txt, and what was asked of them."""

    def __init__(self, answer: bytes | ApiError) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.now = 0.0

    async def fetch(self, url: str, into: Path) -> Fetched:
        self.asked.append(url)
        if isinstance(self.answer, ApiError):
            raise self.answer
        _write(into, self.answer)
        return Fetched(url, "text/plain", None, None, len(self.answer))

    def robots(self) -> Robots:
        return Robots(self, 60.0, lambda: self.now)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def test_what_is_said_to_us_counts() -> None:
    robots = Sites(RULES).robots()

    assert await robots.allow("https://a.example/private")
    assert not await robots.allow("https://a.example/not-us/page?x=1")


async def test_a_site_is_asked_once_in_a_while() -> None:
    sites = Sites(RULES)
    robots = sites.robots()

    for path in ("/", "/a", "/b"):
        await robots.allow(f"https://a.example:8443{path}")
    await robots.allow("http://a.example/")
    sites.now = 61.0
    await robots.allow("http://a.example/")

    assert sites.asked == [
        "https://a.example:8443/robots.txt",
        "http://a.example/robots.txt",
        "http://a.example/robots.txt",
    ]


@pytest.mark.parametrize(
    ("answer", "may"),
    [
        (BadStatus(404, "url"), True),
        (BadStatus(403, "url"), True),
        (BadStatus(503, "url"), False),
        (ApiError(ErrorCode.BODY_TOO_LARGE, "too large"), True),
        (b"", True),
        (b"\xff\xfe\0 nonsense", True),
        (b"<html>not found</html>", True),
        (b"User-agent: *\nDisallow: /", False),
        (b"User-agent: *\n" + b"# long\n" * 100_000 + b"Disallow: /", True),
    ],
)
async def test_what_counts_where_there_is_none(answer: bytes | ApiError, *, may: bool) -> None:
    assert await Sites(answer).robots().allow("https://a.example/page") is may


@pytest.mark.parametrize("code", [ErrorCode.ADDRESS_REFUSED, ErrorCode.INVALID_VALUE])
async def test_a_site_that_is_refused_or_not_reached_says_why_and_is_asked_again(code: ErrorCode) -> None:
    sites = Sites(ApiError(code, "that is why"))
    robots = sites.robots()

    for _ in range(2):
        with pytest.raises(ApiError, match="that is why"):
            await robots.allow("http://a.example/")
    assert len(sites.asked) == 2


async def test_not_every_site_is_remembered_for_ever() -> None:
    sites = Sites(RULES)
    robots = sites.robots()

    for number in range(MOST + 1):
        await robots.allow(f"https://site{number}.example/")
    await robots.allow("https://site0.example/")

    assert len(sites.asked) == MOST + 2
