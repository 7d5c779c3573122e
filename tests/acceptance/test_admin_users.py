"""Users as an admin looks after them, on two edges of the running product."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import text

from contracts.ids import new_ulid
from infra.database import open_database
from infra.embedded.child import stop_child
from tests.acceptance.asking import CHAT, HELLO, Json, error_in
from tests.acceptance.people import Person, admin, admin_client, guest, registered
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

pytestmark = pytest.mark.stack

USERS = "/v1/admin/users"
QUOTA = "/v1/users/me/quota"
WITHIN = 1.0
"""Seconds in which a change is felt everywhere."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(product: Product) -> AsyncIterator[str]:
    """Another edge of the same product, which has limits."""
    if not product.ledgers:
        await product.add_ledger()
    url = await product.add_edge({"JAN_RATE_LIMITS": "on", "JAN_LIMITS_TIMEOUT": "5"})
    edge = product.edges[-1]
    yield url
    await stop_child(edge)
    product.edges.remove(edge)
    product.urls.remove(url)


@pytest.fixture
async def boss(product: Product) -> AsyncIterator[aiohttp.ClientSession]:
    async with admin_client(product) as session:
        yield session


async def told(client: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Json]:
    """The status and the body of an answer."""
    async with client.request(method, path, json=body) as answer:
        given: Json = {} if answer.status == 204 else await answer.json()
        return answer.status, given


async def refused(
    client: aiohttp.ClientSession, method: str, path: str, body: Any = None
) -> tuple[int, str, str]:
    """The status, the code and the param of a refusal."""
    status, given = await told(client, method, path, body)
    error = error_in(given)
    return status, error["code"], error["param"] or ""


async def log_of(boss: aiohttp.ClientSession, product: Product, user_id: str) -> list[tuple[str, Json, bool]]:
    """The audit log's lines of a user: action, changes, and whether actor and request are named."""
    wanted = (
        "SELECT action, changes, actor_id, request_id FROM audit_log WHERE target_id = :id ORDER BY audit_id"
    )
    async with open_database(product.servers.database) as database, database.begin() as session:
        rows = (await (await session.connection()).execute(text(wanted), {"id": user_id})).all()
    return [(row.action, row.changes, bool(row.actor_id and row.request_id)) for row in rows]


async def test_users_are_listed_found_and_read_without_their_secrets(
    product: Product, boss: aiohttp.ClientSession
) -> None:
    name = f"Ada {new_ulid()}"
    ada = await registered(product, name)
    async with ada.client() as session:
        assert (await told(session, "PATCH", "/v1/users/me/settings", {"diary": "private"}))[0] == 200

    _, page = await told(
        boss, "GET", f"{USERS}?search={name[4:].lower()}&role=user&is_guest=false&is_active=true"
    )
    _, one = await told(boss, "GET", f"{USERS}/{ada.user_id}")

    assert [user["id"] for user in page["data"]] == [ada.user_id]
    assert (page["object"], page["has_more"], page["first_id"]) == ("list", False, ada.user_id)
    assert page["data"][0] == one
    assert (one["name"], one["roles"], one["tier"], one["effective_tier"]) == (name, ["user"], None, "free")
    assert "private" not in str(one)
    assert set(one) == {
        "id", "object", "username", "email", "email_verified", "name", "roles", "is_guest", "is_admin",
        "is_active", "tier", "effective_tier", "created_at", "updated_at", "deactivated_at",
    }  # fmt: skip


async def test_pages_of_users_are_whole_while_others_come(
    product: Product, boss: aiohttp.ClientSession
) -> None:
    name = new_ulid()
    people = [(await registered(product, name)).user_id for _ in range(5)]
    seen: list[str] = []
    path = f"{USERS}?search={name}&limit=2"

    after = ""
    while True:
        _, page = await told(boss, "GET", path + after)
        seen += [user["id"] for user in page["data"]]
        await registered(product, name)
        if not page["has_more"]:
            break
        after = f"&after={page['next_after']}"

    assert seen == people[::-1]


async def test_what_is_no_filter_and_who_is_no_user_is_refused(boss: aiohttp.ClientSession) -> None:
    queries = {
        "role=king": "role",
        "tier=platinum": "tier",
        "search=": "search",
        "search=%00": "search",
        "is_active=perhaps": "is_active",
        "limit=0": "limit",
        f"after={new_ulid()}": "after",
    }
    for query, param in queries.items():
        assert await refused(boss, "GET", f"{USERS}?{query}") == (400, "invalid_value", param), query
    for unknown in (new_ulid(), "nobody", "%00", "1" * 300):
        path = f"{USERS}/{unknown}"
        for method, tail, body in (
            ("GET", "", None),
            ("PATCH", "", {"tier": "pro"}),
            ("POST", "/roles/admin", None),
            ("DELETE", "/roles/admin", None),
            ("POST", "/deactivate", None),
            ("POST", "/activate", None),
            ("GET", "/budgets", None),
            ("GET", "/usage", None),
            ("PUT", "/budgets", {"unit": "tokens", "period": "day", "amount": 1}),
            ("DELETE", "/budgets?unit=tokens&period=day", None),
        ):
            assert await refused(boss, method, path + tail, body) == (404, "not_found", ""), (method, tail)


async def test_only_admins_see_and_change_users(product: Product) -> None:
    for person in (await guest(product), await registered(product)):
        async with person.client() as session:
            for method, path in (
                ("GET", USERS),
                ("GET", f"{USERS}/{person.user_id}"),
                ("PATCH", f"{USERS}/{person.user_id}"),
                ("POST", f"{USERS}/{person.user_id}/roles/admin"),
                ("PUT", f"{USERS}/{person.user_id}/budgets"),
            ):
                assert (await refused(session, method, path, {"tier": "enterprise"}))[:2] == (
                    403,
                    "permission_denied",
                )


async def test_a_role_given_and_taken_is_felt_and_logged(
    product: Product, boss: aiohttp.ClientSession
) -> None:
    ada = await registered(product)
    path = f"{USERS}/{ada.user_id}/roles/admin"

    given = [await told(boss, "POST", path) for _ in range(2)]
    assert await ada.refresh() == 200
    async with ada.client() as session:
        assert (await told(session, "GET", USERS))[0] == 200
    taken = [await told(boss, "DELETE", path) for _ in range(2)]
    async with ada.client() as session:
        assert (await refused(session, "GET", USERS))[0] == 401
    assert await ada.refresh() == 200
    async with ada.client() as session:
        assert (await refused(session, "GET", USERS))[0] == 403

    assert [(status, user["is_admin"]) for status, user in (*given, *taken)] == [
        (200, True), (200, True), (200, False), (200, False),
    ]  # fmt: skip
    assert await log_of(boss, product, ada.user_id) == [
        ("user.grant_role", {"roles": [["user"], ["user", "admin"]]}, True),
        ("user.revoke_role", {"roles": [["user", "admin"], ["user"]]}, True),
    ]
    for role in ("guest", "king"):
        status, code, param = await refused(boss, "POST", f"{USERS}/{ada.user_id}/roles/{role}")
        assert (status, code, param) == (400, "invalid_value", "role")


async def test_a_deactivated_user_is_refused_everywhere_at_once_and_comes_back(
    product: Product, limited: str, boss: aiohttp.ClientSession
) -> None:
    ada = await registered(product)
    async with ada.client() as session:
        _, key = await told(session, "POST", "/auth/api-keys", {"name": "ci"})
    credentials = ({"Authorization": f"Bearer {ada.access_token}"}, {"X-API-Key": key["key"]})

    async def statuses() -> list[int]:
        async with aiohttp.ClientSession() as plain:
            found = []
            for url in (product.url, limited):
                for headers in credentials:
                    async with plain.get(f"{url}/v1/models", headers=headers) as answer:
                        found.append(answer.status)
            return found

    assert await statuses() == [200] * 4

    status, user = await told(boss, "POST", f"{USERS}/{ada.user_id}/deactivate")
    began = time.monotonic()
    assert (status, user["is_active"], bool(user["deactivated_at"])) == (200, False, True)
    assert (await statuses())[:2] == [401, 401]
    while await statuses() != [401] * 4:
        assert time.monotonic() - began < WITHIN
    assert await ada.refresh() == 401
    _, page = await told(boss, "GET", f"{USERS}?is_active=false&limit=1")
    assert page["data"][0]["id"] == ada.user_id

    status, user = await told(boss, "POST", f"{USERS}/{ada.user_id}/activate")
    assert (status, user["is_active"], user["deactivated_at"]) == (200, True, None)
    assert await ada.refresh() == 200
    async with ada.client() as session:
        assert (await told(session, "GET", "/v1/models"))[0] == 200

    async def key_is_good() -> bool:
        return (await statuses())[1] == 200

    await until(key_is_good)  # a key that was refused is refused for five seconds
    assert [line[:2] for line in await log_of(boss, product, ada.user_id)] == [
        ("user.deactivate", {"is_active": [True, False]}),
        ("user.activate", {"is_active": [False, True]}),
    ]


async def test_of_two_admins_who_deactivate_each_other_one_is_left(product: Product, limited: str) -> None:
    pair = [await admin(product), await admin(product)]
    async with open_database(product.servers.database) as database:
        async with database.begin() as session:
            others = text("SELECT user_id FROM users WHERE 'admin' = ANY(roles) AND NOT user_id = ANY(:pair)")
            connection = await session.connection()
            rows = await connection.execute(others, {"pair": [one.user_id for one in pair]})
            hidden = [row.user_id for row in rows]
            take = text("UPDATE users SET roles = array_remove(roles, 'admin') WHERE user_id = ANY(:ids)")
            await connection.execute(take, {"ids": hidden})
        try:
            answers = await ending_each_other(pair, (product.url, limited))
        finally:
            async with database.begin() as session:
                give = text("UPDATE users SET roles = array_append(roles, 'admin') WHERE user_id = ANY(:ids)")
                await (await session.connection()).execute(give, {"ids": hidden})

    assert sorted(answers)[0] == (200, "")
    assert sorted(answers)[1] in [(401, "invalid_token"), (409, "conflict")]


async def ending_each_other(pair: list[Person], urls: tuple[str, str]) -> list[tuple[int, str]]:
    """What each is told, at two edges; then the one who is left can't end themselves."""

    async def end(at: int) -> tuple[int, str]:
        async with pair[at].client(urls[at]) as session:
            status, given = await told(session, "POST", f"{USERS}/{pair[1 - at].user_id}/deactivate")
        return status, "" if status == 200 else error_in(given)["code"]

    answers = list(await asyncio.gather(end(0), end(1)))
    left = pair[answers.index((200, ""))]
    async with left.client() as session:
        for method, path in (("POST", "deactivate"), ("DELETE", "roles/admin")):
            assert (await refused(session, method, f"{USERS}/{left.user_id}/{path}"))[:2] == (409, "conflict")
    return answers


async def test_a_tier_is_felt_by_the_limits_within_a_second(
    product: Product, limited: str, boss: aiohttp.ClientSession
) -> None:
    ada = await registered(product)
    path = f"{USERS}/{ada.user_id}"

    async with ada.client(limited) as session:

        async def has(tier: str) -> bool:
            _, quota = await told(session, "GET", QUOTA)
            return bool(quota["data"]["tier"] == tier)

        assert await has("free")
        status, user = await told(boss, "PATCH", path, {"tier": "pro", "name": "Countess"})
        await until(lambda: has("pro"), WITHIN)
        _, listed = await told(boss, "GET", f"{USERS}?tier=pro&search={user['username']}")
        _, cleared = await told(boss, "PATCH", path, {"tier": None, "name": None})
        await until(lambda: has("free"), WITHIN)

    assert (status, user["tier"], user["effective_tier"], user["name"]) == (200, "pro", "pro", "Countess")
    assert [one["id"] for one in listed["data"]] == [ada.user_id]
    assert (cleared["tier"], cleared["effective_tier"], cleared["name"]) == (None, "free", None)
    assert await refused(boss, "PATCH", path, {"tier": "platinum"}) == (400, "invalid_value", "tier")
    assert await refused(boss, "PATCH", path, {"is_admin": True}) == (400, "invalid_value", "is_admin")
    assert [line[:2] for line in await log_of(boss, product, ada.user_id)] == [
        ("user.update", {"name": ["Somebody", "Countess"]}),
        ("user.set_tier", {"tier": [None, "pro"]}),
        ("user.update", {"name": ["Countess", None]}),
        ("user.set_tier", {"tier": ["pro", None]}),
    ]


async def test_a_budget_is_set_heeded_shown_and_taken_away(
    product: Product, limited: str, boss: aiohttp.ClientSession, upstream: Upstream, models: list[str]
) -> None:
    upstream.always(Script(tokens=5, usage="always"))
    ada = await registered(product)
    path = f"{USERS}/{ada.user_id}/budgets"

    _, budget = await told(boss, "PUT", path, {"unit": "tokens", "period": "total", "amount": 100})
    _, money = await told(boss, "PUT", path, {"unit": "usd", "period": "month", "amount": 12.5})
    async with ada.client(limited) as session:
        status, _ = await told(session, "POST", CHAT, {**HELLO, "max_tokens": 1_000})
        assert status == 429
        _, answer = await told(session, "POST", CHAT, {**HELLO, "max_tokens": 50})
    used = answer["usage"]["total_tokens"]

    async def is_told() -> bool:
        _, page = await told(boss, "GET", path)
        return [one["spent"] for one in page["data"]] == [used, used * 1_000]

    await until(is_told)
    _, page = await told(boss, "GET", path)
    _, usage = await told(boss, "GET", f"{USERS}/{ada.user_id}/usage")
    assert (page["object"], page["has_more"], len(page["data"])) == ("list", False, 2)
    assert page["data"][0] == {**budget, "spent": used, "remaining": 100 - used}
    assert (budget["resets_at"], money["unit"], money["amount"]) == (None, "micro_usd", 12_500_000)
    assert (usage["data"]["total_tokens"], usage["data"]["micro_usd"]) == (used, used * 1_000)
    assert [day["total_tokens"] for day in usage["data"]["days"]] == [used]
    assert usage["meta"]["request_id"]

    for unit, period in (("tokens", "total"), ("usd", "month")):
        assert (await told(boss, "DELETE", f"{path}?unit={unit}&period={period}"))[0] == 204
        assert (await refused(boss, "DELETE", f"{path}?unit={unit}&period={period}"))[0] == 404
    async with ada.client(limited) as session:

        async def is_free() -> bool:
            return (await told(session, "POST", CHAT, {**HELLO, "max_tokens": 1_000}))[0] == 200

        await until(is_free, WITHIN)
    assert [line[:2] for line in await log_of(boss, product, ada.user_id)] == [
        ("user.set_budget", {"budgets.tokens.total": [None, 100]}),
        ("user.set_budget", {"budgets.micro_usd.month": [None, 12_500_000]}),
        ("user.remove_budget", {"budgets.tokens.total": [100, None]}),
        ("user.remove_budget", {"budgets.micro_usd.month": [12_500_000, None]}),
    ]


async def test_a_budget_may_be_of_one_key_of_the_user_and_of_nobody_elses(
    product: Product, boss: aiohttp.ClientSession
) -> None:
    ada, eve = await registered(product), await registered(product)
    keys = []
    for person in (ada, eve):
        async with person.client() as session:
            _, key = await told(session, "POST", "/auth/api-keys", {"name": "ci"})
            keys.append(key["id"])
    path = f"{USERS}/{ada.user_id}/budgets"
    ask = {"unit": "tokens", "period": "day", "amount": 0}

    _, mine = await told(boss, "PUT", path, {**ask, "key_id": keys[0]})

    assert (mine["key_id"], mine["amount"], mine["remaining"]) == (keys[0], 0, 0)
    for key_id in (keys[1], new_ulid(), "\x00"):
        assert await refused(boss, "PUT", path, {**ask, "key_id": key_id}) == (400, "invalid_value", "key_id")
    assert (await told(boss, "DELETE", f"{path}?unit=tokens&period=day&key_id={keys[0]}"))[0] == 204


@pytest.mark.parametrize("amount", [-1, 1.5, True, "7", 2**53, 1e300, None])
async def test_what_is_no_amount_is_refused(
    product: Product, boss: aiohttp.ClientSession, amount: object
) -> None:
    ada = await guest(product)
    path = f"{USERS}/{ada.user_id}/budgets"

    status, _, param = await refused(boss, "PUT", path, {"unit": "tokens", "period": "day", "amount": amount})

    assert (status, param.split(".")[0]) == (400, "amount")
    assert (await told(boss, "GET", path))[1]["data"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("?start_date=2026-01-01&end_date=2026-12-31", 200),
        ("?start_date=2026-01-01&end_date=2025-12-31", 400),
        ("?start_date=2025-01-01&end_date=2026-01-02", 400),
        ("?end_date=0001-01-02", 200),
        ("?start_date=yesterday", 400),
    ],
)
async def test_use_is_told_of_at_most_a_year(
    product: Product, boss: aiohttp.ClientSession, query: str, status: int
) -> None:
    ada = await guest(product)

    found, answer = await told(boss, "GET", f"{USERS}/{ada.user_id}/usage{query}")

    assert found == status, answer
    if status == 200:
        assert (answer["data"]["days"], answer["data"]["total_tokens"]) == ([], 0)
