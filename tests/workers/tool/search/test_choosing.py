"""Which engine answers, in what time, and what is said when none does."""

from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import Desk, open_desk


async def test_the_first_engine_answers_and_no_other_is_asked(engines: Engines, desk: Desk) -> None:
    await desk.search()

    assert engines.order == ["serper"]


async def test_the_order_is_the_operators(engines: Engines) -> None:
    async with open_desk(engines, engines=("searxng", "serper", "searxng")) as desk:
        engines.always("searxng", Script(status=500))
        result = await desk.search()

    assert result.engine == "serper"
    assert engines.order == ["searxng"] * 3 + ["serper"]


async def test_an_engine_that_is_not_named_is_not_asked(engines: Engines) -> None:
    engines.always("serper", Script(status=404))

    async with open_desk(engines, engines=("serper",)) as desk:
        message = await desk.failure()

    assert message == "No search engine answered (serper: it answered with HTTP status 404)"
    assert engines.order == ["serper"]


async def test_all_that_failed_are_told(engines: Engines, desk: Desk) -> None:
    engines.always("serper", Script(status=403))
    engines.always("searxng", Script(status=403))

    message = await desk.failure()

    assert message == (
        "No search engine answered (serper: it does not take this server's key (HTTP status 403); "
        "searxng: it refused us; its settings may not allow the format json (HTTP status 403))"
    )


async def test_without_an_engine_that_is_said(engines: Engines) -> None:
    async with open_desk(engines, serper_key=None, searxng_url=None) as desk:
        message = await desk.failure()

    assert message.startswith("Web search is not configured on this server")
    assert desk.tool.off_reason == message
    assert engines.requests == []


async def test_with_an_engine_the_tool_is_on(desk: Desk) -> None:
    assert desk.tool.off_reason is None


async def test_an_engine_leaves_time_for_the_next(engines: Engines, desk: Desk) -> None:
    engines.always("serper", Script(fault="hang"))

    result = await desk.search(seconds=3)

    assert result.engine == "searxng"


async def test_the_last_engine_ends_before_the_call_does(engines: Engines) -> None:
    engines.always("searxng", Script(fault="hang"))

    async with open_desk(engines, serper_key=None, timeout=1_000) as desk:
        message = await desk.failure(seconds=0.7)

    assert message == "No search engine answered (searxng: it did not answer in time)"


async def test_without_time_nobody_is_asked(engines: Engines, desk: Desk) -> None:
    message = await desk.failure(seconds=0.1)

    assert "no time was left for it" in message
    assert engines.requests == []
    assert desk.breaker("serper") in {None, 0}


async def test_an_empty_answer_is_an_answer(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(body={"searchParameters": {}, "organic": []}))

    result = await desk.search()

    assert result.engine == "serper"
    assert result.results == []
    assert result.citations == []
