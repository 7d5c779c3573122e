"""What was found becomes the result of a call."""

import json

from tests.engines.script import Script
from tests.engines.server import Engines
from tests.workers.tool.search.desk import Desk, open_desk


def organic(**entry: object) -> Script:
    return Script(body={"organic": [{"link": "https://a.example/", **entry}]})


async def test_snippets_are_shortened_and_missing_ones_stay_missing(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(body={"organic": [
        {"link": "https://a.example/", "title": "t" * 600, "snippet": "s" * 500},
        {"link": "https://b.example/", "title": "T"},
    ]}))  # fmt: skip

    long, missing = (await desk.search()).results

    assert long.snippet == "s" * 420 + "…"
    assert len(long.title) == 513
    assert missing.snippet is None
    assert missing.date is None


async def test_no_more_results_than_asked_for(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(body={"organic": [{"link": f"https://a.example/{n}"} for n in range(50)]}))

    result = await desk.search(num=3)

    assert [hit.position for hit in result.results] == [1, 2, 3]


async def test_a_large_answer_is_not_repeated(engines: Engines, desk: Desk) -> None:
    engines.next("serper", organic(junk="x" * 70_000))

    result = await desk.search()

    assert result.raw == {}
    assert "at most 65,536 are repeated" in result.metadata["raw_left_out"]


async def test_large_things_beside_the_results_are_left_out(engines: Engines, desk: Desk) -> None:
    engines.next("serper", Script(body={
        "organic": [{"link": "https://a.example/"}],
        "knowledgeGraph": {"description": "x" * 20_000},
        "credits": 2,
    }))  # fmt: skip

    result = await desk.search()

    assert result.metadata["left_out"] == ["knowledge_graph"]
    assert result.metadata["credits"] == 2


async def test_the_result_is_plain_json_that_databases_take(engines: Engines, desk: Desk) -> None:
    body = b'{"organic": [{"link": "https://a.example/", "title": "a\\u0000\\ud800", "x": 1e999}]}'
    engines.next("serper", Script(body=body))

    result = await desk.search()

    text = json.dumps(result.model_dump(mode="json"), allow_nan=False)
    text.encode()
    assert "\\u0000" not in text
    assert result.results[0].title == "a?"


async def test_results_without_a_web_address_are_counted(engines: Engines) -> None:
    engines.next(
        "serper", Script(body={"organic": [{"link": "ftp://a.example/"}, {"link": "https://b.example"}]})
    )

    async with open_desk(engines) as desk:
        result = await desk.search()

    assert result.citations == ["https://b.example"]
    assert result.metadata["without_web_address"] == 1
