"""Pages of an engine become one list."""

import pytest

from contracts.tools.search import SearchArguments
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import Desk, open_desk
from workers.tool.search.engine import EngineFailed, Found, Outcome, Page
from workers.tool.search.gathering import gather

ALONE = {"serper_key": None}


def page(*numbers: int, host: str = "a.example") -> Page:
    return Page([Found(f"T{number}", f"https://{host}/{number}", host) for number in numbers])


async def test_the_same_address_stands_in_it_once() -> None:
    pages = {1: page(1, 2, 1), 2: page(2, 3)}

    async def read(number: int) -> Page:
        return pages[number]

    gathered = await gather(SearchArguments(q="cats", num=5), range(1, 3), read)

    assert [one.title for one in gathered.found] == ["T1", "T2", "T3"]


async def test_a_page_that_repeats_the_last_one_ends_it() -> None:
    read_pages = []

    async def read(number: int) -> Page:
        read_pages.append(number)
        return page(1, 2)

    await gather(SearchArguments(q="cats", num=50), range(1, 6), read)

    assert read_pages == [1, 2]


async def test_only_results_of_allowed_hosts_stand_in_it(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(host="docs{}.example.org"))
    engines.next("serper", Script(host="example.org.evil{}.example"))
    engines.next("serper", Script(host="badexample.org"))

    result = await desk.search(domain_allow_list=["docs1.example.org", "docs3.example.org"], num=5)

    assert result.citations == ["https://docs1.example.org/page/1", "https://docs3.example.org/page/3"]
    assert result.metadata["pages"] == [1, 2, 3]
    assert result.metadata["outside_domain_allow_list"] == 13


async def test_further_pages_are_read_only_when_results_were_left_out(engines: Engines, desk: Desk) -> None:
    engines.always("serper", Script(last=0))

    await desk.search(domain_allow_list=["a.example"])

    assert len(engines.requests) == 1


async def test_a_later_page_that_fails_is_told(engines: Engines) -> None:
    engines.next("searxng", Script(), Script(status=404))

    async with open_desk(engines, **ALONE) as desk:
        result = await desk.search(num=20)

        assert len(result.results) == 10
        assert result.metadata["incomplete"] == "it answered with HTTP status 404"
        assert desk.cache.kept == {}


async def test_a_first_page_that_fails_is_a_failure() -> None:
    async def read(number: int) -> Page:
        raise EngineFailed(Outcome.FAILING, f"page {number}")

    with pytest.raises(EngineFailed, match="page 1"):
        await gather(SearchArguments(q="cats"), range(1, 2), read)
