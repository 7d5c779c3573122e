"""Branches of conversations over HTTP; and whose conversation it is, whatever a request names beside it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.acceptance.asking import error_in
from tests.acceptance.waiting import LIMIT
from tests.product import Product

pytestmark = pytest.mark.stack

Json = dict[str, Any]
Client = aiohttp.ClientSession
PATH = "/v1/conversations"


@pytest.fixture
async def stranger(product: Product) -> AsyncIterator[Client]:
    """Another tenant."""
    headers = {"Authorization": f"Bearer {await product.token()}"}
    timeout = aiohttp.ClientTimeout(total=LIMIT)
    async with Client(product.url, headers=headers, timeout=timeout) as session:
        yield session


async def asked(api: Client, method: str, path: str, body: Any = None) -> tuple[int, Json]:
    async with api.request(method, PATH + path, json=body) as answer:
        is_empty = answer.status == 204
        return answer.status, {} if is_empty else await answer.json()


async def refused(api: Client, method: str, path: str, body: Any = None) -> tuple[int, str | None]:
    status, answer = await asked(api, method, path, body)
    return status, error_in(answer)["param"]


async def begun(api: Client, *texts: str) -> tuple[str, list[str]]:
    """A conversation's path, and the ids of its items."""
    items = [{"role": "user", "content": text} for text in texts]
    _, conversation = await asked(api, "POST", "", {"items": items})
    path = f"/{conversation['id']}"
    _, listed = await asked(api, "GET", f"{path}/items?order=asc")
    return path, [item["id"] for item in listed["data"]]


async def said(api: Client, path: str, query: str = "") -> list[str]:
    status, listed = await asked(api, "GET", f"{path}/items?order=asc{query}")
    assert status == 200, listed
    return [item["content"][0]["text"] for item in listed["data"]]


async def append(api: Client, path: str, text: str, query: str = "") -> None:
    body = {"items": [{"role": "user", "content": text}]}
    assert (await asked(api, "POST", f"{path}/items{query}", body))[0] == 200


async def test_a_branch_goes_its_own_way_from_where_it_begins(api: Client) -> None:
    path, ids = await begun(api, "a", "b", "c")

    status, branch = await asked(
        api, "POST", f"{path}/branches", {"name": "other", "fork_from_item_id": ids[1], "description": "d"}
    )
    await append(api, path, "d", "?branch=other")
    await append(api, path, "e")

    assert status == 201
    assert branch == {
        "name": "other",
        "object": "conversation.branch",
        "description": "d",
        "parent_branch": "MAIN",
        "forked_from_item_id": ids[1],
        "forked_at": branch["created_at"],
        "item_count": 2,
        "is_active": False,
        "created_at": branch["created_at"],
        "updated_at": branch["created_at"],
    }
    assert await said(api, path) == ["a", "b", "c", "e"]
    assert await said(api, path, "&branch=other") == ["a", "b", "d"]


async def test_the_active_branch_is_listed_and_appended_to(api: Client) -> None:
    path, _ = await begun(api, "a")
    await asked(api, "POST", f"{path}/branches", {"name": "other"})

    status, active = await asked(api, "POST", f"{path}/branches/other/activate")
    await append(api, path, "b")

    assert (status, active["active_branch"]) == (200, "other")
    assert (await asked(api, "GET", path))[1]["active_branch"] == "other"
    assert await said(api, path) == ["a", "b"]
    assert await said(api, path, "&branch=MAIN") == ["a"]


async def test_all_branches_are_listed_with_what_they_hold(api: Client) -> None:
    path, _ = await begun(api, "a", "b")
    await asked(api, "POST", f"{path}/branches", {"name": "x"})
    await append(api, path, "c", "?branch=x")
    await asked(api, "POST", f"{path}/branches", {"name": "y", "parent_branch": "x"})

    _, listed = await asked(api, "GET", f"{path}/branches")
    _, one = await asked(api, "GET", f"{path}/branches/y")
    _, main = await asked(api, "GET", f"{path}/branches/MAIN")

    assert listed["active_branch"] == "MAIN"
    assert [(one["name"], one["item_count"]) for one in listed["data"]] == [("MAIN", 2), ("x", 3), ("y", 3)]
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == ("MAIN", "y", False)
    assert one == listed["data"][2]
    assert main == listed["data"][0]
    assert (main["parent_branch"], main["forked_at"], main["is_active"]) == (None, None, True)


async def test_a_branch_is_deleted_with_its_own_items_alone(api: Client) -> None:
    path, _ = await begun(api, "a")
    await asked(api, "POST", f"{path}/branches", {"name": "x"})
    await append(api, path, "b", "?branch=x")

    assert (await asked(api, "DELETE", f"{path}/branches/x"))[0] == 204

    assert await refused(api, "DELETE", f"{path}/branches/x") == (404, None)
    assert await refused(api, "GET", f"{path}/items?branch=x") == (404, "branch")
    assert await said(api, path) == ["a"]
    assert (await asked(api, "POST", f"{path}/branches", {"name": "x"}))[0] == 201
    assert await said(api, path, "&branch=x") == ["a"]


async def test_what_is_needed_is_not_deleted(api: Client) -> None:
    path, _ = await begun(api, "a")
    for body in ({"name": "x"}, {"name": "y", "parent_branch": "x"}, {"name": "z"}):
        assert (await asked(api, "POST", f"{path}/branches", body))[0] == 201
    await asked(api, "POST", f"{path}/branches/z/activate")

    assert (await refused(api, "DELETE", f"{path}/branches/MAIN"))[0] == 400
    assert (await refused(api, "DELETE", f"{path}/branches/z"))[0] == 400
    assert (await refused(api, "DELETE", f"{path}/branches/x"))[0] == 409


@pytest.mark.parametrize("name", ["MAIN", "main", "", "-a", "a b", "a/b", "é", "a" * 65, None, 5])
async def test_a_name_that_cannot_be_is_told(api: Client, name: Any) -> None:
    path, _ = await begun(api)

    assert await refused(api, "POST", f"{path}/branches", {"name": name}) == (400, "name")


async def test_a_taken_name_an_unknown_parent_and_an_unknown_item_are_told(api: Client) -> None:
    path, ids = await begun(api, "a")
    branches = f"{path}/branches"
    await asked(api, "POST", branches, {"name": "x"})
    await append(api, path, "b")
    _, later = await asked(api, "GET", f"{path}/items?limit=1")

    assert await refused(api, "POST", branches, {"name": "x"}) == (409, "name")
    assert await refused(api, "POST", branches, {"name": "y", "parent_branch": "q"}) == (404, "parent_branch")
    for item in ("msg_unknown", "\0", later["first_id"]):
        body = {"name": "y", "parent_branch": "x", "fork_from_item_id": item}
        assert await refused(api, "POST", branches, body) == (404, "fork_from_item_id")
    assert (await asked(api, "POST", branches, {"name": "y", "fork_from_item_id": ids[0]}))[0] == 201


async def test_of_many_who_take_one_name_at_once_one_gets_it(api: Client) -> None:
    path, _ = await begun(api, "a")

    answers = await asyncio.gather(*(asked(api, "POST", f"{path}/branches", {"name": "x"}) for _ in range(5)))

    assert sorted(status for status, _ in answers) == [201, 409, 409, 409, 409]


async def test_there_is_an_end_to_branches(api: Client) -> None:
    path, _ = await begun(api, "a")
    for at in range(63):
        body = {"name": f"b{at}", "parent_branch": f"b{at - 1}" if at else "MAIN"}
        assert (await asked(api, "POST", f"{path}/branches", body))[0] == 201
    await append(api, path, "z", "?branch=b62")

    assert (await refused(api, "POST", f"{path}/branches", {"name": "more"}))[0] == 409
    assert await said(api, path, "&branch=b62") == ["a", "z"]
    assert (await asked(api, "GET", f"{path}/branches/b62"))[1]["item_count"] == 2


async def test_another_tenants_item_is_unknown_in_ones_own_conversation(
    api: Client, stranger: Client
) -> None:
    call = {"type": "function_call", "call_id": "mine", "name": "f", "arguments": "{}"}
    _, conversation = await asked(api, "POST", "", {"items": [call]})
    _, listed = await asked(api, "GET", f"/{conversation['id']}/items")
    await asked(api, "POST", f"/{conversation['id']}/branches", {"name": "mine"})
    path, _ = await begun(stranger, "a")
    mine, nobodys = listed["first_id"], "fc_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"

    for one in (mine, nobodys):
        assert (await refused(stranger, "GET", f"{path}/items/{one}"))[0] == 404
        assert (await refused(stranger, "DELETE", f"{path}/items/{one}"))[0] == 404
        assert await refused(stranger, "GET", f"{path}/items?after={one}") == (400, "after")
        body = {"name": "x", "fork_from_item_id": one}
        assert (await refused(stranger, "POST", f"{path}/branches", body))[0] == 404
    for name in ("mine", "nobodys"):
        assert (await refused(stranger, "GET", f"{path}/items/by-call-id/{name}"))[0] == 404
        assert (await refused(stranger, "GET", f"{path}/branches/{name}"))[0] == 404
        assert (await refused(stranger, "GET", f"{path}/items?branch={name}"))[0] == 404
    assert (await asked(api, "GET", f"/{conversation['id']}/items"))[1] == listed


async def test_another_tenants_conversation_is_not_deleted_with_ones_own(
    api: Client, stranger: Client
) -> None:
    mine, _ = await begun(api, "a")
    theirs, _ = await begun(stranger, "b")

    status, param = await refused(stranger, "POST", "/bulk-delete", {"ids": [mine[1:], theirs[1:]]})
    await asked(stranger, "GET", theirs)
    _, deleted = await asked(stranger, "DELETE", "")

    assert (status, param) == (404, "ids")
    assert deleted["deleted_count"] == 1
    assert await said(api, mine) == ["a"]
