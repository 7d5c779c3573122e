"""The envelope that a client asks for, around each kind of answer."""

import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from api_edge.middleware.envelope import MEDIA_TYPE, Envelopes, is_asked_for

Sent = list[Message]


async def answered(
    *messages: Message, accept: str = MEDIA_TYPE, request_id: str | None = "req_1"
) -> tuple[Message, bytes]:
    """What goes out of the middleware for what an application sends."""
    sent: Sent = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"edge"), (b"accept", accept.encode())]
    scope: Scope = {"type": "http", "headers": headers, "state": {"request_id": request_id}}
    await Envelopes(app)(scope, receive, send)
    return sent[0], b"".join(message.get("body", b"") for message in sent[1:])


def start(status: int = 200, kind: str = "application/json", **more: str) -> Message:
    headers = [(b"content-type", kind.encode()), *((key.encode(), one.encode()) for key, one in more.items())]
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(value: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": value, "more_body": more}


def headers_of(message: Message) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in message["headers"]}


async def test_a_json_answer_is_wrapped_and_keeps_its_headers() -> None:
    first, text = await answered(start(201, etag="x", **{"content-length": "7"}), body(b'{"a":1}'))

    assert json.loads(text) == {"data": {"a": 1}, "meta": {"request_id": "req_1"}}
    assert (first["status"], headers_of(first)) == (
        201,
        {"content-type": MEDIA_TYPE, "content-length": str(len(text)), "etag": "x", "vary": "Accept"},
    )


async def test_an_answer_in_parts_is_wrapped_whole() -> None:
    _, text = await answered(start(), body(b"[1,", more=True), body(b"2", more=True), body(b"]"))

    assert json.loads(text)["data"] == [1, 2]


@pytest.mark.parametrize(
    "value", [{"data": [1], "object": "list"}, {"data": {}}, {"data": 1, "meta": {}}, None]
)
async def test_what_only_resembles_an_envelope_is_wrapped(value: Any) -> None:
    _, text = await answered(start(), body(json.dumps(value, separators=(",", ":")).encode()))

    assert json.loads(text) == {"data": value, "meta": {"request_id": "req_1"}}


async def test_an_envelope_is_not_wrapped_twice() -> None:
    given = b'{"data":{"id":"1"},"meta":{"request_id":"req_0"}}'

    first, text = await answered(start(), body(given))

    assert text == given
    assert headers_of(first)["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "application/json"), (503, "application/json"), (200, "text/event-stream"), (200, "text/html")],
)
async def test_errors_streams_and_other_types_go_out_as_they_are(status: int, kind: str) -> None:
    first, text = await answered(start(status, kind), body(b"{}", more=True), body(b""))

    assert (first["status"], headers_of(first), text) == (status, {"content-type": kind}, b"{}")


async def test_an_answer_without_a_body_goes_out_as_it_is() -> None:
    first, text = await answered({"type": "http.response.start", "status": 204, "headers": []}, body(b""))

    assert (first["status"], text) == (204, b"")


async def test_who_does_not_ask_gets_the_plain_answer() -> None:
    _, text = await answered(start(), body(b"{}"), accept="application/json, text/event-stream")

    assert text == b"{}"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (MEDIA_TYPE, True),
        ("Application/Vnd.Jan.V1+JSON ; q=0.5", True),
        (f"text/html, {MEDIA_TYPE}", True),
        (f"application/json, {MEDIA_TYPE}", True),
        (f"application/json, {MEDIA_TYPE};q=0.9", False),
        (f"application/json;q=0.8, {MEDIA_TYPE};q=0.9", True),
        (f"{MEDIA_TYPE};q=0", False),
        (f"{MEDIA_TYPE};q=much", False),
        ("application/vnd.jan.v1+json2", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_accept_is_read_as_http_says(accept: str, expected: bool) -> None:  # noqa: FBT001
    assert is_asked_for([(b"accept", accept.encode())]) is expected


def test_accept_may_be_given_in_several_lines() -> None:
    lines = [(b"accept", MEDIA_TYPE.encode()), (b"accept", b"text/html")]

    assert is_asked_for(lines)
