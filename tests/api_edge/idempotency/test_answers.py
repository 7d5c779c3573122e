"""Keys of requests that are answered at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_edge.idempotency.answers import DEAD_SECONDS, MOST_KEPT, IdempotentAnswers
from api_edge.idempotency.key import fingerprint
from api_edge.middleware.conventions import Conventions
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from infra.database import Database
from infra.settings import EdgeSettings
from infra.store.idempotency import IdempotencyRow, hold_key
from infra.telemetry.metrics import EdgeMetrics

pytestmark = pytest.mark.stack

PATH = "/v1/things"
LIMIT = 10.0
Serve = Callable[[int, bytes, Send], Awaitable[None]]


@dataclass
class Route:
    """A route that counts its calls, and answers as it is told."""

    serve: Serve
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        self.bodies.append(body)
        await self.serve(len(self.bodies), body, send)


@dataclass
class Answer:
    """What a client got."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


class Client:
    """One caller's way to a route behind the keys."""

    def __init__(self, store: Database, caller: Caller, serve: Serve, *, wait: float = LIMIT) -> None:
        self.caller: Caller | None = caller
        self.route = Route(serve)
        settings = EdgeSettings(max_body=1_000)
        inner = IdempotentAnswers(self.route, store, settings, wait=wait)
        self._app: ASGIApp = Conventions(inner, EdgeMetrics(CollectorRegistry()), lambda _: PATH)

    async def ask(
        self, body: bytes = b"{}", *, key: str | None = "k", path: str = PATH, method: str = "POST"
    ) -> Answer:
        headers = [] if key is None else [(b"idempotency-key", key.encode("latin-1"))]
        scope: Scope = {"type": "http", "method": method, "path": path, "headers": headers, "state": {}}
        if self.caller is not None:
            scope["state"]["caller"] = self.caller
        answer = Answer()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], dict(message["headers"])
            answer.body += message.get("body", b"")

        async with asyncio.timeout(LIMIT):
            await self._app(scope, receive, send)
        return answer


async def answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})
    half = len(body) // 2
    await send({"type": "http.response.body", "body": body[:half], "more_body": True})
    await send({"type": "http.response.body", "body": body[half:]})


async def tell_number(number: int, body: bytes, send: Send) -> None:
    """Each call answers otherwise."""
    headers = [(b"content-type", b"text/plain"), (b"location", b"/1"), (b"set-cookie", b"secret")]
    await answer(send, 201, b"call %d of %s" % (number, body), headers)


async def test_second_request_gets_the_first_answer_byte_for_byte(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)

    first, second = await client.ask(b"x"), await client.ask(b"x")

    assert (first.status, first.body) == (201, b"call 1 of x")
    assert (second.status, second.body) == (first.status, first.body)
    assert client.route.bodies == [b"x"]
    assert second.headers[b"content-type"] == b"text/plain"
    assert second.headers[b"location"] == b"/1"
    assert second.headers[b"content-length"] == b"11"
    assert second.headers[b"idempotency-replayed"] == b"true"
    assert b"idempotency-replayed" not in first.headers
    assert b"set-cookie" not in second.headers


async def test_request_without_a_key_asks_anew(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)

    await client.ask(key=None)
    await client.ask(key=None)

    assert len(client.route.bodies) == 2


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", "/auth/guest-login")])
async def test_key_means_nothing_elsewhere(store: Database, caller: Caller, method: str, path: str) -> None:
    client = Client(store, caller, tell_number)

    await client.ask(method=method, path=path)
    await client.ask(method=method, path=path)

    assert len(client.route.bodies) == 2


async def test_key_of_nobody_is_left_to_the_route(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)
    client.caller = None

    await client.ask(key="\x07 not a key")

    assert len(client.route.bodies) == 1


async def test_bad_key_is_refused_before_anything_is_done(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)

    refused = await client.ask(key="a" * 256)

    assert refused.status == 400
    assert not client.route.bodies


async def test_other_body_with_the_same_key_is_refused(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)
    await client.ask(b"x")

    refused = await client.ask(b"y")

    assert refused.status == 422
    assert refused.headers[b"x-should-retry"] == b"false"
    assert client.route.bodies == [b"x"]


async def test_too_large_body_is_refused(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)

    assert (await client.ask(b"x" * 1_001)).status == 413
    assert not client.route.bodies


async def test_callers_with_the_same_key_never_meet(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)
    await client.ask(b"x")
    others = [
        Caller(user_id=new_ulid(), tenant=caller.tenant),
        Caller(user_id=caller.user_id, tenant=new_ulid()),
    ]

    for number, client.caller in enumerate(others, 2):
        theirs = await client.ask(b"y")
        assert theirs.body == b"call %d of y" % number


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
async def test_error_releases_the_key(store: Database, caller: Caller, status: int) -> None:
    async def fail_once(number: int, body: bytes, send: Send) -> None:
        await answer(send, status if number == 1 else 200, b"%d" % number)

    client = Client(store, caller, fail_once)

    assert (await client.ask(b"x")).status == status
    second = await client.ask(b"y")

    assert (second.status, second.body) == (200, b"2")
    assert b"idempotency-replayed" not in second.headers


async def test_route_that_breaks_releases_the_key(store: Database, caller: Caller) -> None:
    async def break_once(number: int, body: bytes, send: Send) -> None:
        if number == 1:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise ApiError(ErrorCode.INTERNAL, "broken")
        await answer(send, 200, b"whole")

    client = Client(store, caller, break_once)

    assert (await client.ask()).status == 500
    assert (await client.ask()).body == b"whole"


async def test_of_fifty_requests_at_once_one_is_done_and_all_are_answered(
    store: Database, caller: Caller
) -> None:
    client = Client(store, caller, tell_number)

    answers = await asyncio.gather(*(client.ask(b"x") for _ in range(50)))

    assert {(one.status, one.body) for one in answers} == {(201, b"call 1 of x")}
    assert sum(b"idempotency-replayed" in one.headers for one in answers) == 49


async def test_repeated_request_is_told_to_come_back_when_the_first_takes_too_long(
    store: Database, caller: Caller
) -> None:
    may_end, has_begun = asyncio.Event(), asyncio.Event()

    async def linger(number: int, body: bytes, send: Send) -> None:
        has_begun.set()
        await may_end.wait()
        await answer(send, 200, b"done")

    client = Client(store, caller, linger, wait=0.1)
    first = asyncio.create_task(client.ask())
    await has_begun.wait()

    second = await client.ask()
    may_end.set()

    assert second.status == 409
    assert b'"idempotency_key_in_progress"' in second.body
    assert second.headers[b"retry-after"] == b"1"
    assert (await first).body == (await client.ask()).body == b"done"


async def test_request_whose_edge_died_is_done_by_the_next_one(store: Database, caller: Caller) -> None:
    client = Client(store, caller, tell_number)
    then = datetime.now(UTC) - timedelta(seconds=DEAD_SECONDS + 1)
    row = IdempotencyRow(
        tenant=caller.tenant,
        user_id=caller.user_id,
        key="k",
        fingerprint=fingerprint("POST", PATH, b"", b"x"),
        holder=new_ulid(),
        held_at=then,
        created_at=then,
        expires_at=then + timedelta(days=1),
    )
    async with store.begin() as session:
        await hold_key(session, row)

    assert (await client.ask(b"x")).body == b"call 1 of x"
    assert (await client.ask(b"x")).body == b"call 1 of x"
    assert len(client.route.bodies) == 1


async def test_answer_that_is_too_large_to_keep_is_given_once_and_not_done_again(
    store: Database, caller: Caller
) -> None:
    async def tell_much(number: int, body: bytes, send: Send) -> None:
        await answer(send, 200, b"x" * (MOST_KEPT + 1))

    client = Client(store, caller, tell_much)

    assert len((await client.ask()).body) == MOST_KEPT + 1
    second = await client.ask()

    assert second.status == 404
    assert b"Idempotency-Key" in second.body
    assert len(client.route.bodies) == 1


async def test_without_a_database_a_request_with_a_key_is_refused_and_one_without_is_not(
    nowhere: Database, caller: Caller
) -> None:
    client = Client(nowhere, caller, tell_number)

    assert (await client.ask()).status == 503
    assert (await client.ask(key=None)).status == 201
