"""Keys of requests that are answered at once: the answer is stored before it is sent, and given again.

Only what was done is stored. An error releases the key: nothing was done, or what was done is not known to be
whole, and asking again asks anew. The routes of identity and of webhooks are left out: their answers hold
secrets, which are never stored.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_edge.idempotency.key import HEADER, answer_gone, key_of, keyed
from api_edge.idempotency.rows import WAIT_SECONDS, Rows, again
from api_edge.middleware.bodies import once_more
from api_edge.middleware.body import header, read_body
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from infra.database import Database
from infra.settings import EdgeSettings
from infra.store.idempotency import Headers, IdempotencyRow, answer_key, release_key

RUN_SECONDS = 60.0
"""How long a request with a key may run: after it, and a little more, the next one may take its place."""
DEAD_SECONDS = 70.0
"""After so long without an answer its edge is taken for dead."""
MOST_KEPT = 1024 * 1024
"""Bytes of an answer; a larger one is passed on, and the key is answered without it."""
KEPT_HEADERS = frozenset({b"content-type", b"location", b"cache-control", b"etag"})
WITH_SECRETS = ("/auth/", "/v1/webhook")

log = logging.getLogger(__name__)


class Recording:
    """An answer that is held back until it is whole, or too large to be."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self.status = 0
        self.is_whole = False
        self.headers: Headers = []
        self.body: bytes | None = b""
        """None when it is too large."""

    async def take(self, message: Message) -> None:
        """A part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = _kept(message)
        else:
            self.is_whole = not message.get("more_body", False)
            self.body = None if self.body is None else self.body + message.get("body", b"")
        self._messages.append(message)
        if self.body is None or len(self.body) > MOST_KEPT:
            self.body = None
            await self.play()

    async def play(self) -> None:
        """Send what was held back."""
        messages, self._messages = self._messages, []
        for message in messages:
            await self._send(message)


class IdempotentAnswers:
    """Wraps the routes that answer at once."""

    def __init__(
        self,
        app: ASGIApp,
        database: Database,
        settings: EdgeSettings,
        *,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self._app = app
        self._rows = Rows(database, settings.idempotency_ttl, wait)
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        caller: Caller | None = scope["state"].get("caller") if _may_have_key(scope) else None
        key = key_of(scope) if caller is not None else None
        if caller is None or key is None:
            await self._app(scope, receive, send)
            return
        body = await read_body(
            scope, receive, limit=self._settings.max_body, seconds=self._settings.body_timeout
        )
        row = await self._rows.hold(keyed(key, scope, caller, body), None, self._successor)
        if row.is_settled:
            scope["state"]["replayed"] = True
            await _replay(row, send)
            return
        await self._run(row, scope, once_more(body, receive), send)

    async def _run(self, row: IdempotencyRow, scope: Scope, receive: Receive, send: Send) -> None:
        recording = Recording(send)
        try:
            async with asyncio.timeout(RUN_SECONDS):
                await self._app(scope, receive, recording.take)
        except TimeoutError as error:
            raise ApiError(ErrorCode.DEADLINE_EXCEEDED, "The request took too long") from error
        finally:
            await self._settle(row, recording)
        await recording.play()

    async def _settle(self, row: IdempotencyRow, recording: Recording) -> None:
        """Store the answer, or release the key. What the database doesn't take is taken over later."""
        is_done = recording.is_whole and recording.status < HTTPStatus.BAD_REQUEST
        try:
            async with self._rows.database.begin() as session:
                if is_done:
                    await answer_key(session, row, recording.status, recording.headers, recording.body)
                else:
                    await release_key(session, row)
        except ApiError as error:
            log.warning("key_not_settled", extra={"holder": row.holder, "error": str(error)})

    async def _successor(self, row: IdempotencyRow) -> IdempotencyRow | None:
        now = datetime.now(UTC)
        if now - row.held_at < timedelta(seconds=DEAD_SECONDS):
            return None
        return again(row, now)


def _may_have_key(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "POST"
        and header(scope, HEADER) is not None
        and not scope["path"].startswith(WITH_SECRETS)
    )


def _kept(message: Message) -> Headers:
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in message.get("headers", ())
        if name.lower() in KEPT_HEADERS
    ]


async def _replay(row: IdempotencyRow, send: Send) -> None:
    if row.body is None or row.status is None:
        raise answer_gone()
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in row.headers or ()]
    headers.append((b"content-length", b"%d" % len(row.body)))
    await send({"type": "http.response.start", "status": row.status, "headers": headers})
    await send({"type": "http.response.body", "body": row.body})
