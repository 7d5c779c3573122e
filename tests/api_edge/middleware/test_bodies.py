"""The body limits of routes that a framework serves."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from api_edge.middleware.bodies import BoundedBodies
from contracts.errors import ApiError
from infra.settings import EdgeSettings

JSON = "application/json"


class Route:
    """Reads what it is sent."""

    def __init__(self) -> None:
        self.got: bytes | None = None

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        message = await receive()
        assert not message["more_body"]
        self.got = message["body"]


async def ask(route: Route, *parts: bytes, method: str = "POST", path: str = "/v1/x", **headers: str) -> None:
    app = BoundedBodies(route, EdgeSettings(max_body=100, max_depth=4, body_timeout=0.05))
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    messages = iter(
        {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
        for at, part in enumerate(parts or (b"",))
    )

    async def receive() -> Message:
        return next(messages)

    async def send(_: Message) -> None:
        raise AssertionError

    await app({"type": "http", "method": method, "path": path, "headers": given}, receive, send)


async def test_a_body_in_parts_is_handed_on_whole() -> None:
    route = Route()

    await ask(route, b'{"a": ', b"[1, ", b"2]}", content_type=JSON)

    assert route.got == b'{"a": [1, 2]}'


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("parts", "headers", "code"),
    [
        ((b"x" * 60, b"x" * 60), {}, "body_too_large"),
        ((b"{}",), {"content_length": "101"}, "body_too_large"),
        ((b"[[[[[]]]]]",), {"content_type": JSON}, "json_too_deep"),
        ((b"{",), {"content_type": JSON}, "invalid_json"),
        ((b'{"a": NaN}',), {"content_type": JSON}, "invalid_json"),
        ((b'{"a": 1e999}',), {"content_type": "application/merge-patch+json"}, "invalid_json"),
        ((b"a=b",), {"content_type": "multipart/form-data; boundary=a"}, "unsupported_media_type"),
        ((b"{}",), {"content_type": JSON, "content_encoding": "gzip"}, "unsupported_media_type"),
    ],
    ids=["in parts", "by its length", "deep", "cut", "NaN", "too large a number", "a form", "compressed"],
)
async def test_what_no_route_should_see_is_refused(
    method: str, parts: tuple[bytes, ...], headers: dict[str, str], code: str
) -> None:
    route = Route()

    with pytest.raises(ApiError) as refusal:
        await ask(route, *parts, method=method, **headers)

    assert refusal.value.detail.code == code
    assert route.got is None


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/x"), ("POST", "/auth/guest-login")])
async def test_where_a_body_means_nothing_it_is_not_judged(method: str, path: str) -> None:
    route = Route()

    await ask(route, b"{", method=method, path=path, content_type=JSON)

    assert route.got == b"{"
