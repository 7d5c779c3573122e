"""What was found before is given again, to its tenant, for a time."""

import pytest

from contracts.tools.search import SearchResult
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import Desk, open_desk


async def test_the_same_search_is_answered_from_what_was_found(engines: Engines, desk: Desk) -> None:
    first = await desk.search()
    desk.time.moved += 599

    again = await desk.search()

    assert len(engines.requests) == 1
    assert (again.live, again.cache_status) == (False, "cache")
    assert {hit.cache_status for hit in again.results} == {"cache"}
    assert [hit.fetched_at for hit in again.results] == [hit.fetched_at for hit in first.results]
    assert again.citations == first.citations
    assert again.engine == first.engine
    assert again.raw == first.raw


async def test_what_is_too_old_is_searched_again(engines: Engines, desk: Desk) -> None:
    await desk.search()
    desk.time.moved += 601

    assert (await desk.search()).live
    assert len(engines.requests) == 2


async def test_another_tenant_gets_nothing_of_it(engines: Engines, desk: Desk) -> None:
    await desk.search(tenant="t1")

    assert (await desk.search(tenant="t2")).live
    assert len(engines.requests) == 2


async def test_offline_mode_takes_older_answers_and_asks_nobody(engines: Engines, desk: Desk) -> None:
    await desk.search()
    desk.time.moved += 86_000

    result = await desk.search(offline_mode=True)

    assert result.cache_status == "cache"
    assert len(engines.requests) == 1
    desk.time.moved += 500
    assert "Nothing was found for exactly this search" in await desk.failure(offline_mode=True)


async def test_offline_mode_without_an_answer_is_a_failure(engines: Engines, desk: Desk) -> None:
    assert "offline_mode asks no engine" in await desk.failure(offline_mode=True)
    assert engines.requests == []


async def test_with_the_cache_away_the_web_is_searched(engines: Engines, desk: Desk) -> None:
    desk.cache.is_away = True

    assert (await desk.search()).live
    assert (await desk.search()).live
    assert len(engines.requests) == 2
    assert "cannot be read now" in await desk.failure(offline_mode=True)


async def test_what_holds_nothing_is_not_kept(engines: Engines, desk: Desk) -> None:
    engines.always("serper", Script(last=0))

    await desk.search()

    assert desk.cache.kept == {}


@pytest.mark.parametrize(("fresh", "offline", "asked"), [(0, 60, 2), (60, 0, 1), (0, 0, 2)])
async def test_the_operator_says_how_long(engines: Engines, fresh: float, offline: float, asked: int) -> None:
    async with open_desk(engines, cache_seconds=fresh, offline_seconds=offline) as desk:
        await desk.search()
        await desk.search()
        known = desk.cache.kept and offline

        assert len(engines.requests) == asked
        assert all(seconds == max(fresh, offline) for seconds in desk.cache.seconds)
        if known:
            assert isinstance(await desk.search(offline_mode=True), SearchResult)
        else:
            assert await desk.failure(offline_mode=True)


async def test_what_an_older_release_kept_is_not_read(engines: Engines, desk: Desk) -> None:
    await desk.search()
    desk.cache.kept = dict.fromkeys(desk.cache.kept, b'{"found_at": 1}')

    assert (await desk.search()).live
