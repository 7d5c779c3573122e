"""`Accept: application/vnd.jan.v1+json` on any route: the JSON answer as `{"data": ..., "meta": ...}`.

Errors, streams and what is not JSON go out as they are, and so does an answer that has this form anyway.
"""

from collections.abc import Sequence

from pydantic_core import from_json, to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/vnd.jan.v1+json"
JSON = "application/json"
KEYS = frozenset({"data", "meta"})
_MARK = b"vnd.jan.v1+json"
_TYPE = MEDIA_TYPE.encode()
_REPLACED = frozenset({b"content-type", b"content-length"})

Header = tuple[bytes, bytes]


class Envelopes:
    """Wraps the routes. Who does not ask for an envelope costs one look at the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and is_asked_for(scope["headers"]):
            send = Wrapping(send, scope["state"].get("request_id")).send
        await self._app(scope, receive, send)


class Wrapping:
    """One answer, held back until it is whole where it is to be wrapped."""

    __slots__ = ("_body", "_request_id", "_send", "_start")

    def __init__(self, send: Send, request_id: str | None) -> None:
        self._send = send
        self._request_id = request_id
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Pass a message on, or keep it."""
        if message["type"] == "http.response.start" and _is_wrapped(message):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = self._body if has_form(self._body) else wrapped(self._body, self._request_id)
        headers = [header for header in start["headers"] if header[0].lower() not in _REPLACED]
        headers += [(b"content-type", _TYPE), (b"content-length", b"%d" % len(body)), (b"vary", b"Accept")]
        self._start = None
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def is_asked_for(headers: Sequence[Header]) -> bool:
    """Whether Accept prefers the envelope to plain JSON, or likes it as much (RFC 9110, 12.5.1)."""
    given = [value for name, value in headers if name == b"accept" and _MARK in value.lower()]
    if not given:
        return False
    weights: dict[str, float] = {}
    for part in b",".join(value for name, value in headers if name == b"accept").decode("latin-1").split(","):
        kind, *parameters = (one.strip().lower() for one in part.split(";"))
        weights[kind] = max(weights.get(kind, 0.0), _weight(parameters))
    return weights.get(MEDIA_TYPE, 0.0) > 0 and weights[MEDIA_TYPE] >= weights.get(JSON, 0.0)


def has_form(body: bytes) -> bool:
    """Whether a JSON text is an envelope already."""
    if not body.startswith(b'{"data":'):
        return False
    value = from_json(body)
    return value.keys() == KEYS and isinstance(value["meta"], dict) and "request_id" in value["meta"]


def wrapped(body: bytes, request_id: str | None) -> bytes:
    """A JSON text in its envelope."""
    return b'{"data":' + body + b',"meta":' + to_json({"request_id": request_id}) + b"}"


def _is_wrapped(start: Message) -> bool:
    kind = next((value for name, value in start.get("headers", ()) if name.lower() == b"content-type"), b"")
    return 200 <= start["status"] < 300 and kind.split(b";")[0].strip().lower() == JSON.encode()  # noqa: PLR2004


def _weight(parameters: Sequence[str]) -> float:
    """The `q` of an accepted type; what is no number counts as refused."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
