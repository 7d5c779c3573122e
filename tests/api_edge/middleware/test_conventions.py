"""What every answer carries, and that a refusal reaches a page of another origin as an answer."""

import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from api_edge.middleware.conventions import Conventions, Headers, Refusals
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode


class Stats:
    def __init__(self) -> None:
        self.codes: list[str] = []

    def answered(self, route: str, method: str, status: int, seconds: float) -> None: ...

    def error(self, code: str) -> None:
        self.codes.append(code)


class Route:
    """Answers, as somebody if one asks, with headers of its own."""

    def __init__(self, caller: Caller | None = None, headers: Headers | None = None) -> None:
        self._caller = caller
        self._headers = headers or []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["caller"] = self._caller
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": b""})


CALLER = Caller(user_id="u", tenant="t")


async def receive() -> Message:
    return {"type": "http.disconnect"}


async def headers_of(route: Route, *, is_https: bool = False) -> Headers:
    """Of its answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = Conventions(route, Stats(), lambda _: "route", is_https=is_https)
    await app({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send)
    headers: Headers = sent[0]["headers"]
    return headers


@pytest.mark.parametrize("is_https", [False, True])
async def test_a_browser_is_told_to_stay_with_https_where_that_is_spoken(*, is_https: bool) -> None:
    headers = dict(await headers_of(Route(), is_https=is_https))

    assert (b"strict-transport-security" in headers) is is_https
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"no-referrer"


async def test_an_answer_to_somebody_is_not_stored() -> None:
    assert (b"cache-control", b"no-store") in await headers_of(Route(CALLER))
    assert (b"cache-control", b"no-store") not in await headers_of(Route())


async def test_what_a_route_says_itself_stands() -> None:
    own = [(b"Cache-Control", b"private, max-age=60"), (b"content-security-policy", b"default-src 'self'")]

    headers = await headers_of(Route(CALLER, own))

    for name, value in own:
        assert [given for key, given in headers if key.lower() == name.lower()] == [value]


async def refused(app: Refusals) -> list[Message]:
    """What is sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "state": {"request_id": "req_1"}}, receive, send)
    return sent


async def test_a_refusal_is_answered_inside_of_cors() -> None:
    stats = Stats()

    async def door(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ApiError(ErrorCode.INVALID_TOKEN, "no")

    start, body = await refused(Refusals(door, stats))

    assert start["status"] == 401
    assert json.loads(body["body"])["error"]["request_id"] == "req_1"
    assert stats.codes == ["invalid_token"]


async def test_what_fails_amid_an_answer_is_left_to_the_outermost_layer() -> None:
    stats = Stats()

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ApiError(ErrorCode.INTERNAL, "late")

    with pytest.raises(ApiError, match="late"):
        await refused(Refusals(stream, stats))

    assert stats.codes == []
