"""One keep-alive connection of the load generator: it is pushed to, without an object for each token."""

import asyncio
import json
from typing import cast

import httptools
from typing_extensions import override

from tests.bench.plan import Plan
from tests.bench.reading import Reading

CONNECT_LIMIT = 10.0
PROMPT = (
    {"role": "system", "content": "You are a helpful assistant. Answer in one short paragraph."},
    {"role": "user", "content": "Explain in plain words why the sky is blue and why sunsets are red."},
)


def request_of(plan: Plan) -> bytes:
    """The bytes of a plan's request, made once."""
    asked: dict[str, object] = {
        "model": plan.behaviour.model,
        "messages": PROMPT,
        "temperature": 0.7,
        "max_tokens": plan.tokens,
    }
    if plan.is_stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(asked).encode()
    head = [
        f"POST {plan.prefix}/v1/chat/completions HTTP/1.1",
        f"host: {plan.host}:{plan.port}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    if plan.token:
        head.append(f"authorization: Bearer {plan.token}")
    return "\r\n".join([*head, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """Asks one request after the other; each answer ends as a future: None, or the name of its problem."""

    def __init__(self) -> None:
        self.is_open = True
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._reading = Reading()
        self._end: asyncio.Future[str | None] | None = None

    def ask(self, request: bytes, reading: Reading) -> asyncio.Future[str | None]:
        """Send a request; the reading takes its answer."""
        self._reading = reading
        self._end = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._end

    def close(self) -> None:
        """Leave, whatever is under way."""
        self.is_open = False
        self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without inheriting

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._finish("lost")

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._finish("bad_http")
            self.close()

    def on_headers_complete(self) -> None:
        self._reading.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._reading.feed(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.close()
        self._finish(self._reading.problem())

    def _finish(self, problem: str | None) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(problem)


async def connect(plan: Plan) -> Connection:
    """Open a connection. Raises OSError, or TimeoutError after ten seconds."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_LIMIT):
        _, connection = await loop.create_connection(Connection, plan.host, plan.port)
    return connection
