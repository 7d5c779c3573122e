"""Posts to addresses that users gave."""

import pytest

from contracts.errors import ApiError
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.posting import Answered, NotPosted, PostTargets, open_poster
from tests.infra.outgoing.remote import OWN, Remote, answer, moved

BODY = b'{"a":1}'


async def posted(remote: Remote, answered: bytes) -> Answered:
    remote.answers["/hook"] = answered
    async with open_poster(PostTargets(AddressPolicy(OWN)), seconds=5.0, agent="test/1") as poster:
        return await poster.post(f"{remote.url}/hook", BODY, {"webhook-id": "evt_1"})


async def test_what_is_posted_carries_its_headers_and_nothing_of_ours(remote: Remote) -> None:
    assert await posted(remote, answer(b"")) == Answered(200)

    head = remote.heads[0].decode().lower()
    assert head.startswith("post /hook http/1.1")
    assert "webhook-id: evt_1" in head
    assert "user-agent: test/1" in head
    assert "cookie" not in head


async def test_a_redirect_is_an_answer(remote: Remote) -> None:
    assert await posted(remote, moved("/elsewhere")) == Answered(302)
    assert remote.connections == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("9999999", 86_400.0), ("-1", None), ("soon", None), ("", None)]
)
async def test_the_wait_that_is_asked_for_is_told(remote: Remote, header: str, seconds: float | None) -> None:
    told = await posted(remote, answer(b"", f"Retry-After: {header}", status="503 No"))

    assert told == Answered(503, seconds)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "http://[::1]/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://0x7f000001/",
        "http://localhost/",
        "ftp://example.com/",
        "http://user:word@example.com/",
        "http://example.com:22/",
        "https://metadata.internal/",
    ],
)
async def test_what_is_refused_is_refused_before_and_at_the_post(url: str) -> None:
    targets = PostTargets(AddressPolicy())

    with pytest.raises(ApiError) as refusal:
        targets.check(url, param="url")
    assert (refusal.value.detail.code, refusal.value.detail.param) == ("address_refused", "url")
    async with open_poster(targets, seconds=5.0, agent="test/1") as poster:
        with pytest.raises(NotPosted):
            await poster.post(url, BODY, {})


def test_plain_http_may_be_refused() -> None:
    targets = PostTargets(AddressPolicy(), frozenset({"https"}))

    targets.check("https://example.com/", param="url")
    with pytest.raises(ApiError, match="https://"):
        targets.check("http://example.com/", param="url")
