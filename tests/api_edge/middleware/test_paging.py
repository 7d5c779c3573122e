"""What a list may be asked for, and how its page reads."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from yarl import URL

from api_edge.errors import install_error_handlers
from api_edge.middleware.paging import Paging, page_of
from contracts.wire.lists import Page
from tests.api_edge.ops.small_edge import serving

Answer = tuple[int, dict[str, Any]]  # a status and JSON


@pytest.fixture
async def ask() -> AsyncIterator[Callable[[str], Awaitable[Answer]]]:
    """Asks a list by a query string, which is sent as it is."""
    api = FastAPI()
    install_error_handlers(api)

    @api.get("/things")
    async def things(paging: Paging) -> dict[str, str | int | None]:
        return {"limit": paging.limit, "after": paging.after, "order": paging.order}

    async with serving(api) as url, aiohttp.ClientSession() as session:

        async def asked(query: str) -> Answer:
            async with session.get(URL(f"{url}/things?{query}", encoded=True)) as answer:
                return answer.status, await answer.json()

        yield asked


async def test_a_list_is_asked_for_with_defaults(ask: Callable[[str], Awaitable[Answer]]) -> None:
    assert await ask("") == (200, {"limit": 20, "after": None, "order": "desc"})


@pytest.mark.parametrize("limit", ["1", "100"])
async def test_the_bounds_are_allowed(ask: Callable[[str], Awaitable[Answer]], limit: str) -> None:
    _, wanted = await ask(f"limit={limit}&after=key_1&order=asc&unknown=1")

    assert wanted == {"limit": int(limit), "after": "key_1", "order": "asc"}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        *(
            (f"limit={limit}", "limit")
            for limit in ("0", "101", "-1", "", "abc", "5.0", "%2B5", "1_0", "%20")
        ),
        *((f"limit={limit}", "limit") for limit in ("1e1", "%D9%A3", "9" * 5000, "1&limit=2", "null")),
        *(
            (f"after={after}", "after")
            for after in ("", "%00", "a%20b", "x" * 129, "a&after=b", "%F0%9F%98%80")
        ),
        *((f"order={order}", "order") for order in ("", "up", "DESC", "asc&order=desc")),
    ],
)
async def test_anything_else_is_told_by_its_name(
    ask: Callable[[str], Awaitable[Answer]], query: str, param: str
) -> None:
    status, body = await ask(query)

    assert (status, body["error"]["param"]) == (400, param)


def test_a_page_names_its_ends_and_the_next_place() -> None:
    page = page_of(["b", "a"], has_more=True, id_of=str)

    assert page.model_dump() == {
        "object": "list",
        "data": ["b", "a"],
        "first_id": "b",
        "last_id": "a",
        "has_more": True,
        "next_after": "a",
    }


def test_the_last_page_names_no_next_place() -> None:
    page = page_of(["a"], has_more=False, id_of=str)

    assert (page.last_id, page.next_after) == ("a", None)


def test_an_empty_page_has_no_ends() -> None:
    page: Page[str] = page_of([], has_more=False, id_of=str)

    assert (page.data, page.first_id, page.last_id, page.next_after) == ([], None, None, None)
