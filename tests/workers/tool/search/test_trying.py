"""When an engine is asked again, and when it is left alone, on a clock that moves by itself."""

import pytest

from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import Desk, open_desk

CLOSED, HALF_OPEN, OPEN = 0, 1, 2
ILL = Script(status=404)


async def test_waits_between_tries_double(engines: Engines) -> None:
    engines.always("serper", Script(status=500))

    async with open_desk(engines, retries=4, breaker_failures=10) as desk:
        await desk.search()

    assert desk.time.waits == [0.25, 0.5, 1.0, 2.0]


async def test_without_retries_there_is_one_try(engines: Engines) -> None:
    engines.always("serper", Script(status=500))

    async with open_desk(engines, retries=0) as desk:
        await desk.search()

    assert engines.order == ["serper", "searxng"]


async def test_a_short_wait_that_is_asked_for_is_waited(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(status=429, headers={"Retry-After": "1"}))

    assert (await desk.search()).engine == "serper"
    assert desk.time.waits == [1.01]


async def test_a_longer_one_is_not_while_another_engine_can_be_asked(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(status=429, headers={"Retry-After": "2"}))

    assert (await desk.search()).engine == "searxng"
    assert desk.time.waits == []


async def test_the_only_engine_is_waited_for(engines: Engines) -> None:
    engines.next("serper", Script(status=429, headers={"Retry-After": "7"}))

    async with open_desk(engines, searxng_url=None) as desk:
        result = await desk.search()

    assert result.engine == "serper"
    assert desk.time.waits == [7.01]


async def test_nobody_waits_beyond_the_call(engines: Engines) -> None:
    engines.always("serper", Script(status=429, headers={"Retry-After": "7"}))

    async with open_desk(engines, searxng_url=None) as desk:
        message = await desk.failure(seconds=5)

    assert "asked too often" in message
    assert desk.time.waits == []


async def test_an_engine_that_limits_us_is_left_alone_for_as_long(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(status=429, headers={"Retry-After": "60"}))
    await desk.search(q="one")

    result = await desk.search(q="two")

    assert engines.order == ["serper", "searxng", "searxng"]
    assert result.metadata["failures"][0]["outcome"] == "resting"
    desk.time.moved += 61
    assert (await desk.search(q="three")).engine == "serper"


async def test_failures_in_a_row_open_the_breaker_and_one_call_tries_later(engines: Engines) -> None:
    async with open_desk(engines, breaker_failures=3, breaker_pause=30, retries=0) as desk:
        engines.always("serper", ILL)
        for number in range(5):
            assert (await desk.search(q=f"cats {number}")).engine == "searxng"
        asked = engines.order.count("serper")
        state = desk.breaker("serper")
        engines.always("serper", Script())
        desk.time.moved += 31

        result = await desk.search(q="later")

        assert (asked, state) == (3, OPEN)
        assert result.engine == "serper"
        assert desk.breaker("serper") == CLOSED
        assert desk.counted("serper", "resting") == 2


async def test_a_breaker_that_opens_ends_the_tries(engines: Engines) -> None:
    engines.always("serper", Script(status=500))

    async with open_desk(engines, breaker_failures=2, retries=5) as desk:
        await desk.search()

    assert engines.order == ["serper", "serper", "searxng"]


async def test_an_engine_that_fails_again_rests_for_longer(engines: Engines) -> None:
    async with open_desk(engines, breaker_failures=1, breaker_pause=10, retries=0) as desk:
        engines.always("serper", ILL)
        await desk.search(q="one")
        desk.time.moved += 11
        await desk.search(q="two")
        desk.time.moved += 11
        await desk.search(q="three")

    assert engines.order.count("serper") == 2


@pytest.mark.parametrize("status", [400, 422])
async def test_a_search_that_is_refused_makes_no_engine_ill(engines: Engines, status: int) -> None:
    engines.always("serper", Script(status=status, body={"message": "Query not allowed"}))

    async with open_desk(engines, breaker_failures=1) as desk:
        await desk.search(q="one")
        await desk.search(q="two")

    assert engines.order == ["serper", "searxng"] * 2
    assert desk.breaker("serper") == CLOSED
