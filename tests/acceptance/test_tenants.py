"""No tenant sees, changes or even notices another's: every operation of the OpenAPI document is tried.

A new operation with an id in it fails here until it is told how such an object is made.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from contracts.ids import (
    CONVERSATION,
    DELIVERY,
    PROJECT,
    SHARE,
    WEBHOOK,
    chat_id,
    job_id_of,
    media_id,
    new_id,
    new_ulid,
    response_id,
)
from tests.acceptance.asking import CHAT, HELLO, Json, error_in
from tests.acceptance.named import tool_call
from tests.acceptance.operations import Operation, operations
from tests.acceptance.pictures import picture, uploaded
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

Client = aiohttp.ClientSession
NAMES_SOMETHING = re.compile(r"(^|_)(id|ids|token|conversation|item|after|before|cursor|slug|key)$", re.I)
VOLATILE = re.compile(r"^(date|openai-processing-ms|x-ratelimit-.*|retry-after)$", re.I)
FRESH = ("presigned_url", "presigned_url_expires_at")
"""What is made anew whenever it is looked at."""
ASKED_AS = {"X-Request-Id": "tenants-1"}
OPEN = {
    "GET /.well-known/jwks.json",
    "GET /.well-known/oauth-protected-resource",
    "GET /.well-known/oauth-protected-resource/mcp",
    "GET /.well-known/oauth-protected-resource/v1/mcp",
    "GET /.well-known/openid-configuration",
    "GET /auth/callback",
    "POST /auth/guest-login",
    "GET /auth/login",
    "GET /auth/logout",
    "POST /auth/logout",
    "POST /auth/refresh-token",
    "POST /auth/revoke",
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    "GET /v1/public/shares/{slug}",
    "GET /v1/version",
}
"""What anyone may ask without credentials. What isn't here is guarded."""

pytestmark = pytest.mark.usefixtures("media_worker", "tool_worker", "response_worker", "webhook_worker")


@dataclass(frozen=True)
class Kind:
    """A kind of object that belongs to a tenant."""

    make: Callable[[Client], Awaitable[str]]
    """Makes one; its id."""
    unknown: Callable[[], str]
    """An id of which there is no object."""
    shown_at: str
    """Where its owner looks at it."""


async def completion(owner: Client) -> str:
    """A finished completion, which is stored."""
    async with owner.post(CHAT, json={**HELLO, "store": True}) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["id"])


async def job(owner: Client) -> str:
    """The job of a finished completion."""
    return job_id_of(await completion(owner)) or ""


async def api_key(owner: Client) -> str:
    """An API key: the one that there is, since a user may have only a few."""
    async with owner.get("/auth/api-keys") as answer:
        kept = [row["id"] for row in (await answer.json())["data"] if row["status"] == "active"]
    if kept:
        return str(kept[0])
    async with owner.post("/auth/api-keys", json={"name": "mine"}) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def conversation(owner: Client) -> str:
    """A conversation with an item."""
    items = [{"role": "user", "content": "mine"}]
    async with owner.post("/v1/conversations", json={"items": items}) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["id"])


async def project(owner: Client) -> str:
    """A project."""
    async with owner.post("/v1/projects", json={"name": f"mine {new_ulid()}"}) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def share(owner: Client) -> str:
    """A share of a conversation with an answer."""
    items = [{"role": "user", "content": "mine"}, {"role": "assistant", "content": "yours"}]
    async with owner.post("/v1/conversations", json={"items": items}) as answer:
        conversation_id = (await answer.json())["id"]
    async with owner.post(f"/v1/conversations/{conversation_id}/share", json={}) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def response(owner: Client) -> str:
    """A response, in the background, so that all that there is can be asked of it."""
    body = {"model": "scripted", "input": "mine", "background": True}
    async with owner.post("/v1/responses", json=body) as answer:
        assert answer.status == 200, await answer.text()
        named = str((await answer.json())["id"])

    async def has_ended() -> bool:
        async with owner.get(f"/v1/responses/{named}") as shown:
            return bool((await shown.json())["status"] == "completed")

    await until(has_ended)
    return named


async def media(owner: Client) -> str:
    """An image."""
    return str((await uploaded(owner, picture()))["id"])


async def webhook(owner: Client) -> str:
    """A webhook endpoint at which nobody listens: the one that there is, as a tenant may have only a few."""
    async with owner.get("/v1/webhooks") as answer:
        kept = [row["id"] for row in (await answer.json())["data"]]
    if kept:
        return str(kept[0])
    body = {"name": "mine", "url": "http://127.0.0.1:9/", "event_types": ["response.completed"]}
    async with owner.post("/v1/webhooks", json=body) as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["id"])


async def delivery(owner: Client) -> str:
    """A delivery: a test, which failed."""
    path = f"/v1/webhooks/{await webhook(owner)}/test"
    async with owner.post(path, json={"event_type": "response.completed"}) as answer:
        assert answer.status == 400, await answer.text()
    async with owner.get("/v1/webhooks/deliveries?limit=1") as answer:
        return str((await answer.json())["data"][0]["id"])


KINDS = {
    "webhook_endpoint_id": Kind(webhook, lambda: new_id(WEBHOOK), "/v1/webhooks/{}"),
    "delivery_id": Kind(delivery, lambda: new_id(DELIVERY), "/v1/webhooks/deliveries/{}"),
    "tool_call_id": Kind(tool_call, new_ulid, "/v1/mcp/calls/{}"),
    "media_id": Kind(media, lambda: media_id(new_ulid()), "/v1/media/{}"),
    "share_id": Kind(share, lambda: new_id(SHARE), "/v1/shares"),
    "response_id": Kind(response, lambda: response_id(new_ulid()), "/v1/responses/{}"),
    "project_id": Kind(project, lambda: new_id(PROJECT), "/v1/projects/{}"),
    "key_id": Kind(api_key, new_ulid, "/auth/api-keys"),
    "completion_id": Kind(completion, lambda: chat_id(new_ulid()), "/v1/chat/completions/{}"),
    "job_id": Kind(job, new_ulid, "/v1/chat/completions/chatcmpl-{}"),
    "conversation_id": Kind(conversation, lambda: new_id(CONVERSATION), "/v1/conversations/{}/items"),
}
SHARED = {
    "model_id": "a model belongs to everyone",
    "user_id": "for admins alone",
    "provider_id": "for admins alone",
    "provider_model_id": "for admins alone",
    "catalog_id": "a catalog belongs to everyone",
    "role": "a word",
    "slug": "of a share: who has it may read",
    "item_id": "within a conversation; another's is tried in test_conversation_branches",
    "call_id": "within a conversation, as above",
    "name": "of a branch, within a conversation; of a tool or a server, for admins alone",
    "tenant": "for admins alone",
}
NO_ONES = {
    ("body", "refresh_token"): "a credential: who has it is its owner",
    ("cookie", "refresh_token"): "a credential: who has it is its owner",
    ("body", "token"): "a credential: who has it is its owner",
    ("query", "starting_after"): "a number within the object that the path names",
    ("header", "Idempotency-Key"): "tried below",
    ("query", "after"): "tried below",
    ("body", "conversation"): "tried in test_memory and in test_responses",
    ("body", "previous_response_id"): "tried in test_responses",
    ("body", "prompt_cache_key"): "the caller's own word",
    ("query", "provider_id"): "for admins alone",
    ("query", "webhook_endpoint_id"): "filters the caller's own deliveries",
    ("query", "response_id"): "filters the caller's own calls",
    ("body", "id"): "of a JSON-RPC request: its caller's own name for it",
    ("body", "provider_id"): "for admins alone",
    ("query", "actor_id"): "for admins alone",
    ("query", "target_id"): "for admins alone",
    ("query", "model_key"): "for admins alone",
    ("body", "api_key"): "of a provider, for admins alone",
    ("body", "catalog_ids"): "for admins alone",
    ("query", "key_id"): "of a budget, for admins alone",
    ("body", "key_id"): "of a budget, for admins alone",
    ("body", "item_id"): "of a share: within a conversation",
    ("body", "ids"): "tried in test_conversation_branches and in test_media",
    ("body", "fork_from_item_id"): "tried in test_conversation_branches",
    ("query", "project_id"): "found or refused as the body's is",
    ("body", "project_id"): "tried in tests/infra/store/test_conversations.py",
}
QUERIES = {
    "/v1/chat/completions/{completion_id}": ["", "?stream=true", "?stream=true&starting_after=0"],
    "/v1/responses/{response_id}": ["", "?stream=true", "?stream=true&starting_after=0"],
}
LISTED = {
    "GET /auth/api-keys": "key_id",
    "GET /v1/chat/completions": "completion_id",
    "GET /v1/conversations": "conversation_id",
    "GET /v1/mcp/calls": "tool_call_id",
    "GET /v1/media": "media_id",
    "GET /v1/projects": "project_id",
    "GET /v1/responses": "response_id",
    "GET /v1/shares": "share_id",
    "GET /v1/webhook_endpoints": "webhook_endpoint_id",
    "GET /v1/webhooks": "webhook_endpoint_id",
    "GET /v1/webhooks/deliveries": "delivery_id",
}
"""What kind of object a list's `after` names, where the list is of no object itself."""
BODIES: dict[str, Json] = {
    "POST /v1/chat/completions/{completion_id}": {"metadata": {"topic": "theirs"}},
    "POST /v1/conversations/{conversation_id}/share": {},
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}": {"name": "theirs"},
    "PATCH /v1/webhook_endpoints/{webhook_endpoint_id}": {"name": "theirs"},
    "POST /v1/webhook_endpoints/{webhook_endpoint_id}/test": {"event_type": "response.failed"},
    "POST /v1/webhooks/{webhook_endpoint_id}": {"name": "theirs"},
    "PATCH /v1/webhooks/{webhook_endpoint_id}": {"name": "theirs"},
    "POST /v1/webhooks/{webhook_endpoint_id}/test": {"event_type": "response.failed"},
    "PATCH /v1/projects/{project_id}": {"name": "theirs"},
    "POST /v1/conversations/{conversation_id}": {"title": "theirs"},
    "PATCH /v1/conversations/{conversation_id}": {"title": "theirs"},
    "POST /v1/conversations/{conversation_id}/items": {"items": [{"role": "user", "content": "theirs"}]},
    "PATCH /v1/conversations/{conversation_id}/items/by-call-id/{call_id}": {"status": "failed"},
    "POST /v1/conversations/{conversation_id}/items/{item_id}/edit": {"content": "theirs"},
    "POST /v1/conversations/{conversation_id}/items/{item_id}/regenerate": {"model": "scripted"},
    "POST /v1/conversations/{conversation_id}/branches": {"name": "theirs"},
}
"""What an operation with an id in its path needs to be sent, to be refused for the id alone."""


@pytest.fixture
async def owner(product: Product) -> AsyncIterator[Client]:
    """The tenant whose objects they are."""
    async with client(product.url, await product.token()) as session:
        yield session


@pytest.fixture
async def strangers(product: Product) -> AsyncIterator[dict[str, Client]]:
    """A registered user and a guest, each a tenant of their own."""
    async with AsyncExitStack() as stack:
        user = await registered(product.url, await product.token())
        tokens = {"user": user, "guest": await product.token()}
        yield {
            name: await stack.enter_async_context(client(product.url, token))
            for name, token in tokens.items()
        }


async def test_every_field_that_names_something_is_known(product: Product) -> None:
    found = {
        (str(operation), where, name)
        for operation in await operations(product.url)
        for where, name in operation.fields
        if where == "path" or NAMES_SOMETHING.search(name)
    }

    unknown = sorted(
        field
        for field in found
        if not (field[1] == "path" and (field[2] in KINDS or field[2] in SHARED)) and field[1:] not in NO_ONES
    )

    assert unknown == [], "tell KINDS how such an object is made, or NO_ONES why it is nobody's"


async def test_another_tenants_object_is_answered_like_one_that_nobody_has(
    product: Product, owner: Client, strangers: dict[str, Client], upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))
    differing = []

    for operation in await operations(product.url):
        kind = KINDS.get(next(iter(operation.placeholders), ""))
        if kind is None:
            continue
        mine, nobodys = await kind.make(owner), kind.unknown()
        before = await shown(owner, kind, mine)
        for who, stranger in strangers.items():
            for path in variants(operation):
                foreign, unknown = [await asked(stranger, operation, path, one) for one in (mine, nobodys)]
                if foreign != unknown or foreign[0] != 404:
                    differing.append((who, str(operation), path, foreign, unknown))
        assert await shown(owner, kind, mine) == before, f"{operation} of a stranger changed it"

    assert differing == []


async def test_another_tenants_object_is_no_place_in_a_list(
    product: Product, owner: Client, strangers: dict[str, Client], upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))
    lists = [
        one
        for one in await operations(product.url)
        if ("query", "after") in one.fields
        and not one.path.startswith(("/v1/admin/", "/v1/models/"))
        and not one.placeholders
    ]

    assert {str(operation) for operation in lists} == LISTED.keys()
    for operation in lists:
        kind = KINDS[LISTED[str(operation)]]
        mine, nobodys = await kind.make(owner), kind.unknown()
        for stranger in strangers.values():
            path = operation.path + "?after={one}"
            foreign, unknown = [await asked(stranger, operation, path, one) for one in (mine, nobodys)]
            assert foreign == unknown
            assert foreign[0] == 400


@pytest.mark.parametrize("text", ["hi", "of another tenant"], ids=["same body", "other body"])
async def test_an_idempotency_key_is_its_tenants_own(
    owner: Client, strangers: dict[str, Client], upstream: Upstream, text: str
) -> None:
    upstream.next(Script(tokens=2, word="mine"))
    upstream.always(Script(tokens=2, word="other"))
    headers = {"Idempotency-Key": f"shared-{new_ulid()}"}

    first = await completed(owner, HELLO, headers)
    for stranger in strangers.values():
        body = {**HELLO, "messages": [{"role": "user", "content": text}]}
        async with stranger.post(CHAT, json=body, headers=headers) as answer:
            theirs = await answer.json()
        assert answer.status == 200
        assert "Idempotency-Replayed" not in answer.headers
        assert theirs["id"] != first["id"]
        assert "mine" not in theirs["choices"][0]["message"]["content"]

    assert await completed(owner, HELLO, headers) == first


async def test_another_tenants_request_id_leads_nowhere(
    owner: Client, strangers: dict[str, Client], upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))
    headers = {"X-Request-Id": f"shared-{new_ulid()}"}

    first = await completed(owner, HELLO, headers)
    second = await completed(strangers["guest"], HELLO, headers)

    assert first["id"] != second["id"]
    assert len(upstream.chats) == 2


async def test_without_credentials_only_what_is_open_is_answered(product: Product) -> None:
    everything = await operations(product.url)

    assert {str(operation) for operation in everything if not operation.is_guarded} <= OPEN
    async with client(product.url, None) as nobody:
        for operation in everything:
            if not operation.is_guarded:
                continue
            for alias in ("", "/llm"):
                async with nobody.request(operation.method, alias + operation.at(), json={}) as answer:
                    error = error_in(await answer.json())
                assert (answer.status, error["code"]) == (401, "missing_credentials"), operation
                assert "WWW-Authenticate" in answer.headers


async def test_admin_operations_are_for_admins_alone(product: Product, strangers: dict[str, Client]) -> None:
    paths = [
        (operation.method, operation.at())
        for operation in await operations(product.url)
        if operation.path.startswith("/v1/admin/")
    ]

    for stranger in strangers.values():
        for method, path in [*paths, ("GET", "/v1/admin/nope"), ("DELETE", "/v1/admin/users/nobody")]:
            async with stranger.request(method, path, json={}) as answer:
                error = error_in(await answer.json())
            assert (answer.status, error["code"]) == (403, "permission_denied"), path


def client(url: str, token: str | None) -> Client:
    """Plain HTTP with a token, or with none."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Client(url, headers=headers, timeout=aiohttp.ClientTimeout(total=LIMIT))


async def registered(url: str, guest: str) -> str:
    """The token of a guest who has registered."""
    about = {"email": f"{new_ulid().lower()}@example.com", "full_name": "B"}
    async with client(url, guest) as session, session.post("/auth/upgrade", json=about) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["access_token"])


def variants(operation: Operation) -> list[str]:
    """The paths by which an operation is asked."""
    return [
        alias + operation.path + query
        for alias in ("", "/llm")
        for query in QUERIES.get(operation.path, [""])
    ]


async def asked(stranger: Client, operation: Operation, path: str, one: str) -> tuple[int, str, Any]:
    """Status, body and headers of an answer, without what tells two answers apart anyway."""
    body = BODIES.get(str(operation))
    async with stranger.request(
        operation.method, re.sub(r"[{]\w+[}]", one, path), json=body, headers=ASKED_AS
    ) as answer:
        text = (await answer.text()).replace(one, "ID").replace(job_id_of(f"-{one}") or one, "ID")
        headers = sorted((name, value) for name, value in answer.headers.items() if not VOLATILE.match(name))
        return answer.status, text, headers


async def shown(owner: Client, kind: Kind, one: str) -> Json:
    """An object as its owner sees it."""
    async with owner.get(kind.shown_at.format(one)) as answer:
        assert answer.status == 200, await answer.text()
        seen: Json = await answer.json()
        return {name: value for name, value in seen.items() if name not in FRESH}


async def completed(asker: Client, body: Json, headers: dict[str, str]) -> Json:
    """A whole completion."""
    async with asker.post(CHAT, json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        whole: Json = await answer.json()
        return whole
