"""What a tenant's question finds, and what it never does."""

from typing import Any

import pytest

from infra.database import Database
from infra.settings import FileSearchSettings
from tests.workers.tool.file_search.desk import A, B, Desk, Letters, desk_of, offer, registry
from workers.tool.core.arguments import BadArguments
from workers.tool.ports import ToolFailed

pytestmark = pytest.mark.stack

CANARY = "Canary 7f3a of tenant A: the vault opens with quartz."


async def test_another_tenants_exact_text_finds_nothing_of_it(desk: Desk) -> None:
    await desk.index("doc", CANARY, tenant=A, tags=["t"], metadata={"m": 1})
    await desk.index("own", "Something else.", tenant=B)

    filters: list[dict[str, Any]] = [{}, {"document_ids": ["doc"]}, {"tags": ["t"]}, {"metadata": {"m": 1}}]
    for more in filters:
        assert "doc" not in await desk.found(CANARY, B, top_k=20, **more)
    assert await desk.found(CANARY, A) == ["doc"]


async def test_a_tenant_without_documents_finds_nothing(desk: Desk, embeddings: Letters) -> None:
    await desk.index("doc", CANARY, tenant=A)
    embeddings.asked.clear()

    told = await desk.query(CANARY, B)

    assert (told["count"], told["results"], told["compared_by"]) == (0, [], [])
    assert embeddings.asked == []


async def test_documents_tags_and_metadata_narrow_a_question(desk: Desk) -> None:
    await desk.index(
        "one", "A zebra.", tags=["animal", "africa"], metadata={"year": 2020, "by": {"name": "Ada"}}
    )
    await desk.index("two", "A zebra crossing.", tags=["traffic"], metadata={"year": 2020})
    await desk.index("three", "The zebra again.", tags=["animal"], metadata={"year": 2021})

    async def found(**more: Any) -> set[str]:
        return set(await desk.found("zebra", **more))

    assert await found() == {"one", "two", "three"}
    assert await found(document_ids=["one", "three", "none"]) == {"one", "three"}
    assert await found(tags=["animal"]) == {"one", "three"}
    assert await found(tags=["animal", "africa"]) == {"one"}
    assert await found(metadata={"year": 2020}) == {"one", "two"}
    assert await found(metadata={"by": {"name": "Ada"}}) == {"one"}
    assert await found(tags=["animal"], metadata={"year": 2021}, document_ids=["three"]) == {"three"}
    assert await found(tags=["animal"], metadata={"year": 1999}) == set()


async def test_filters_are_values_and_no_sql(desk: Desk) -> None:
    await desk.index("it's", "A zebra.", tags=["a'b", "{x,y}"], metadata={'k"': "';DROP TABLE file_chunks"})

    assert await desk.found("zebra' OR 1=1; --", document_ids=["it's"]) == ["it's"]
    assert await desk.found("zebra", tags=["a'b", "{x,y}"]) == ["it's"]
    assert await desk.found("zebra", metadata={'k"': "';DROP TABLE file_chunks"}) == ["it's"]
    assert await desk.found("zebra", tags=["' OR true --"]) == []


@pytest.mark.parametrize(
    "query", ["' & | ! ( ) <-> :* \\ zebra", "\\'zebra", "zebra:*AB & (", "a" * 10_000, "???"]
)
async def test_questions_of_odd_characters_are_asked_as_they_are(desk: Desk, query: str) -> None:
    await desk.index("doc", "A zebra.")

    assert (await desk.query(query))["query"] == query


@pytest.mark.parametrize(("top_k", "count"), [(0, 5), (-1, 5), (3, 3), (20, 20), (21, 20)])
async def test_so_many_passages_are_given(desk: Desk, top_k: int, count: int) -> None:
    for number in range(22):
        await desk.index(f"doc{number}", f"The zebra {number}.")

    told = await desk.query("zebra", top_k=top_k)

    assert (told["top_k"], told["count"], len(told["results"])) == (count, count, count)


async def test_scores_fall_and_the_best_is_first(desk: Desk) -> None:
    await desk.index("far", "Quick jumps.")
    await desk.index("near", "zebra zebra")

    results = (await desk.query("zebra"))["results"]

    assert [one["document_id"] for one in results] == ["near", "far"]
    assert results[0]["score"] > results[1]["score"] > 0


async def test_a_long_passage_has_a_preview(desk: Desk) -> None:
    await desk.index("doc", "zebra " * 100)

    [passage] = (await desk.query("zebra"))["results"]

    assert len(passage["text"]) > len(passage["text_preview"]) == 240


async def test_documents_of_two_models_are_each_compared_by_their_own(
    store: Database, embeddings: Letters
) -> None:
    desk = desk_of(store, embeddings, offer("test/one"))
    await desk.index("one", "zebra")
    desk.known.current = registry(offer("test/two"))
    await desk.index("two", "zebra")
    desk.known.current = registry(offer("test/one"), offer("test/two"))

    told = await desk.query("zebra")

    assert {one["document_id"] for one in told["results"]} == {"one", "two"}
    assert told["compared_by"] == ["test/one", "test/two"]


async def test_documents_of_a_model_that_is_gone_are_found_by_words(
    store: Database, embeddings: Letters
) -> None:
    desk = desk_of(store, embeddings, offer("test/one"))
    await desk.index("one", "zebra")
    await desk.index("other", "braze")  # the same letters: near by that model, and without the word
    desk.known.current = registry(offer("test/two"))

    told = await desk.query("zebra")

    assert [one["document_id"] for one in told["results"]] == ["one"]
    assert told["compared_by"] == []


async def test_a_provider_that_fails_leaves_the_words_to_compare(desk: Desk, embeddings: Letters) -> None:
    await desk.index("doc", "zebra")
    embeddings.fails_from = 0

    told = await desk.query("zebra")

    assert ([one["document_id"] for one in told["results"]], told["compared_by"]) == (["doc"], [])


async def test_vectors_of_another_length_are_not_compared(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings, offer())
    await desk.index("doc", "zebra")

    async def longer(*_: object) -> list[list[float]]:
        return [[1.0] * 30]

    embeddings.embed = longer  # type: ignore[method-assign, assignment]  # the model was changed by its provider

    assert (await desk.query("zebra"))["compared_by"] == []


async def test_a_named_model_that_is_not_on_offer_is_told(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings, offer(), settings=FileSearchSettings(embedding_model="test/none"))

    with pytest.raises(ToolFailed, match="test/none, which embeds texts, is not on offer"):
        await desk.index("doc", "zebra")


async def test_a_question_of_blanks_is_refused(desk: Desk) -> None:
    with pytest.raises(BadArguments, match="query is blank"):
        await desk.query("  ")
