"""What Serper is asked, and how its answer is read."""

import pytest

from contracts.tools.search import SearchArguments
from tests.engines.server import Engines
from tests.workers.tool.search.desk import KEY, Desk
from workers.tool.search.engine import EngineFailed, JsonObject
from workers.tool.search.serper import body_of, page_of


async def test_every_argument_reaches_it(desk: Desk, engines: Engines) -> None:
    await desk.search(
        gl="US", hl="pt-BR", location="Oslo", num=20, tbs="qdr:w", page=3, autocorrect=False,
        domain_allow_list=["site41.example"],
    )  # fmt: skip

    request = await engines.asked()
    assert request.headers["X-API-KEY"] == KEY
    assert request.asked == {
        "q": "cats site:site41.example",
        "gl": "us",
        "hl": "pt-br",
        "location": "Oslo",
        "num": 20,
        "tbs": "qdr:w",
        "page": 3,
        "autocorrect": False,
    }


def test_the_hint_is_its_location() -> None:
    assert body_of(SearchArguments(q="cats", location_hint="Oslo"), 1)["location"] == "Oslo"


def test_what_is_not_given_is_not_asked() -> None:
    asked = SearchArguments(q="cats")

    assert body_of(asked, 1) == {"q": "cats", "num": 10, "page": 1, "autocorrect": True}


async def test_its_answer_becomes_the_result(desk: Desk) -> None:
    result = await desk.search(num=2)

    assert result.engine == "serper"
    assert result.live
    assert result.cache_status == "live"
    assert [(hit.position, hit.title, hit.source_url) for hit in result.results] == [
        (1, "Title 1", "https://site1.example/page/1"),
        (2, "Title 2", "https://site2.example/page/2"),
    ]
    assert result.results[0].snippet == "Snippet 1"
    assert result.results[0].date == "Nov 20, 2026"
    assert result.citations == ["https://site1.example/page/1", "https://site2.example/page/2"]
    assert result.metadata == {
        "pages": [1],
        "answer_box": {"answer": "42"},
        "related_searches": [{"query": "more"}],
        "credits": 1,
    }
    assert result.raw["searchParameters"]["q"] == "cats"


def test_entries_that_are_no_results_are_left_out() -> None:
    page = page_of(
        {
            "organic": [
                {"link": "https://a.example/"},
                {"title": "no link"},
                {"title": "a script", "link": "javascript:alert(1)"},
                {"title": "odd", "link": 7},
                "text",
                {"title": " two\nlines ", "link": "https://b.example/", "snippet": "", "date": 5},
            ]
        }
    )

    assert [(one.title, one.url) for one in page.found] == [
        ("https://a.example/", "https://a.example/"),
        ("two lines", "https://b.example/"),
    ]
    assert page.found[1].snippet is None
    assert page.found[1].date is None
    assert page.skipped == 4


def test_no_results_are_an_answer() -> None:
    assert not page_of({"searchParameters": {"q": "cats"}, "organic": []}).found
    assert not page_of({"searchParameters": {"q": "cats"}}).found


@pytest.mark.parametrize(
    "told", [{}, {"message": "hello"}, {"organic": {}}, {"organic": "none"}, {"organic": [{"url": "x"}, 1]}]
)
def test_other_shapes_are_no_answer(told: JsonObject) -> None:
    with pytest.raises(EngineFailed, match="another shape"):
        page_of(told)
