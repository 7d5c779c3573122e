"""What SearXNG is asked, and how its answer is read."""

import pytest

from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import open_desk
from workers.tool.search.engine import EngineFailed, JsonObject
from workers.tool.search.searxng import language_of, page_of, search_url

ALONE = {"serper_key": None}


async def test_every_argument_that_it_knows_reaches_it(engines: Engines) -> None:
    async with open_desk(engines, **ALONE) as desk:
        result = await desk.search(
            gl="us", hl="en", tbs="qdr:w", page=3, domain_allow_list=["site21.example"], num=1
        )

    assert (await engines.asked()).asked == {
        "q": "cats site:site21.example",
        "format": "json",
        "pageno": "3",
        "categories": "general",
        "language": "en-US",
        "time_range": "week",
    }
    assert result.engine == "searxng"
    assert "not_honoured" not in result.metadata


async def test_what_it_cannot_follow_is_told(engines: Engines) -> None:
    async with open_desk(engines, **ALONE) as desk:
        result = await desk.search(gl="us", location_hint="Oslo", tbs="qdr:h")

    assert [told.split(":")[0] for told in result.metadata["not_honoured"]] == ["location", "gl", "tbs"]
    assert (await engines.asked()).asked["time_range"] == "day"


async def test_pages_are_read_until_there_are_enough(engines: Engines) -> None:
    async with open_desk(engines, **ALONE) as desk:
        first = await desk.search(num=25)
        second = await desk.search(num=25, page=2)

    assert first.metadata["pages"] == [1, 2, 3]
    assert len(first.results) == len(second.results) == 25
    assert second.metadata["pages"] == [4, 5, 6]
    assert not set(first.citations) & set(second.citations)


async def test_long_pages_need_no_further_ones(engines: Engines) -> None:
    engines.always("searxng", Script(results=30))

    async with open_desk(engines, **ALONE) as desk:
        result = await desk.search(num=25)

    assert result.metadata["pages"] == [1]
    assert len(result.results) == 25


async def test_the_pages_of_one_call_are_bounded(engines: Engines) -> None:
    engines.always("searxng", Script(results=3))

    async with open_desk(engines, **ALONE) as desk:
        result = await desk.search(num=100)

    assert result.metadata["pages"] == [1, 2, 3, 4, 5]
    assert len(result.results) == 15


async def test_its_answer_becomes_the_result(engines: Engines) -> None:
    async with open_desk(engines, **ALONE) as desk:
        result = await desk.search(num=1)

    (hit,) = result.results
    assert (hit.title, hit.source_url, hit.snippet) == (
        "Title 1",
        "https://site1.example/page/1",
        "Snippet 1",
    )
    assert hit.date == "2026-11-20T00:00:00"
    assert result.metadata == {
        "pages": [1],
        "suggestions": ["more"],
        "unresponsive_engines": [["brave", "timeout"]],
    }


@pytest.mark.parametrize(
    ("language", "country", "told"),
    [
        ("en", None, "en"),
        ("en", "US", "en-US"),
        ("EN", "us", "en-US"),
        ("pt-br", None, "pt-BR"),
        ("pt-br", "pt", "pt-PT"),
        ("zh-Hant", None, "zh"),
        ("zh-Hant", "tw", "zh-TW"),
    ],
)
def test_a_language_has_a_region_of_two_letters_or_none(
    language: str, country: str | None, told: str
) -> None:
    assert language_of(language, country) == told


@pytest.mark.parametrize(
    "url",
    ["http://searx:8080", "http://searx:8080/", "http://searx:8080/search", "http://searx:8080/search/"],
)
def test_its_address_may_be_told_with_or_without_the_path(url: str) -> None:
    assert search_url(url) == "http://searx:8080/search"


def test_no_results_are_an_answer_when_its_engines_answered() -> None:
    assert not page_of({"results": [], "unresponsive_engines": []}).found


def test_no_results_of_engines_that_are_silent_are_none() -> None:
    silent = [["brave", "timeout"], ["bing", "CAPTCHA"], "odd", ["x", 7]]

    with pytest.raises(EngineFailed) as failed:
        page_of({"results": [], "unresponsive_engines": silent})

    assert failed.value.reason.endswith("engines of its own failed: brave (timeout), bing (CAPTCHA)")
    assert not failed.value.is_ill


@pytest.mark.parametrize(
    "told", [{}, {"results": {}}, {"results": None}, {"results": ["a"]}, {"results": [{"link": "x"}]}]
)
def test_other_shapes_are_no_answer(told: JsonObject) -> None:
    with pytest.raises(EngineFailed, match="another shape"):
        page_of(told)
