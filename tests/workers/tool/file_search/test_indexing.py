"""A text is indexed whole or not at all, under its tenant's name for it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from infra.database import Database
from infra.settings import FileSearchSettings
from infra.store.file_search import FileSearchUsageRow
from tests.workers.tool.file_search.desk import MODEL, A, B, Desk, Letters, desk_of, offer
from workers.tool.core.arguments import BadArguments
from workers.tool.file_search.asking import NotEmbedded
from workers.tool.ports import ToolFailed

pytestmark = pytest.mark.stack

LONG = " ".join(f"Sentence number {number} is here." for number in range(1_000))
SMALL = FileSearchSettings(chunk_tokens=50, overlap_tokens=10, batch=16)


async def usage(database: Database, tenant: str = A) -> tuple[int, int]:
    """Documents and passages, as they are counted."""
    async with database.begin() as session:
        row = await session.get(FileSearchUsageRow, tenant)
        return (row.documents, row.chunks) if row else (0, 0)


async def test_an_indexed_text_is_found_and_told_about(desk: Desk) -> None:
    told = await desk.index("doc", "The zebra runs.", metadata={"year": 2026}, tags=["animals"])

    assert {name: told[name] for name in ("document_id", "status", "chunk_count", "embedding_model")} == {
        "document_id": "doc", "status": "indexed", "chunk_count": 1, "embedding_model": MODEL,
    }  # fmt: skip
    assert told["token_count"] > 0
    assert told["indexed_at"].endswith("Z")
    [passage] = (await desk.query("zebra"))["results"]
    assert passage["text"] == passage["text_preview"] == "The zebra runs."
    assert (passage["metadata"], passage["tags"], passage["chunk"]) == ({"year": 2026}, ["animals"], 0)


async def test_a_document_that_is_indexed_again_is_replaced(desk: Desk, store: Database) -> None:
    await desk.index("doc", "An old text about zebras.")

    told = await desk.index("doc", "A new one about quaggas.")

    assert told["status"] == "replaced"
    assert [one["text"] for one in (await desk.query("zebras"))["results"]] == ["A new one about quaggas."]
    assert await usage(store) == (1, 1)


async def test_a_shorter_text_leaves_nothing_of_a_longer_one(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings, offer(), settings=SMALL)
    before = await desk.index("doc", LONG)

    await desk.index("doc", "Short.")

    assert before["chunk_count"] > 50
    assert (await desk.query("Sentence number"))["count"] == 1
    assert await usage(store) == (1, 1)


async def test_the_same_text_again_is_unchanged_and_asks_nobody(desk: Desk, embeddings: Letters) -> None:
    first = await desk.index("doc", "A text.", metadata={"a": 1}, tags=["x", "y"])

    again = await desk.index("doc", "A text.", metadata={"a": 1}, tags=["y", "x"])

    assert again == first | {"status": "unchanged"}
    assert len(embeddings.asked) == 1


@pytest.mark.parametrize("more", [{"metadata": {"a": 2}}, {"tags": ["z"]}])
async def test_the_same_text_with_other_metadata_is_replaced(desk: Desk, more: dict[str, Any]) -> None:
    await desk.index("doc", "A text.", metadata={"a": 1})

    assert (await desk.index("doc", "A text.", **{"metadata": {"a": 1}} | more))["status"] == "replaced"


async def test_the_same_text_is_embedded_anew_when_another_model_embeds(
    desk: Desk, embeddings: Letters
) -> None:
    await desk.index("doc", "A text.")
    desk.known.current = desk_of(desk.index_tool._database, embeddings, offer("test/other")).known.current

    told = await desk.index("doc", "A text.")

    assert (told["status"], told["embedding_model"]) == ("replaced", "test/other")


async def test_without_a_model_only_words_are_compared(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings)

    told = await desk.index("doc", "The zebra runs.")

    assert told["embedding_model"] is None
    assert await desk.found("zebras running") == ["doc"]
    assert embeddings.asked == []


async def test_without_a_model_a_document_that_has_one_stays(desk: Desk, embeddings: Letters) -> None:
    await desk.index("doc", "The zebra runs.")
    desk.known.current = desk_of(desk.index_tool._database, embeddings).known.current

    told = await desk.index("doc", "The zebra runs.")

    assert (told["status"], told["embedding_model"]) == ("unchanged", MODEL)


async def test_a_text_without_any_direction_is_found_by_its_words(desk: Desk) -> None:
    told = await desk.index("doc", "12345 67890")

    assert told["embedding_model"] is None
    assert await desk.found("67890") == ["doc"]


async def test_progress_is_told_batch_by_batch(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings, offer(), settings=SMALL)

    told = await desk.index("doc", LONG)

    total = told["chunk_count"]
    done = [one.progress for one in desk.told]
    assert done == [*range(16, total, 16), total]
    assert {one.total for one in desk.told} == {total}
    assert [count for _, count in embeddings.asked] == [16] * (total // 16) + [total % 16] * (total % 16 > 0)


async def test_a_provider_that_fails_half_way_leaves_nothing_indexed(
    store: Database, embeddings: Letters
) -> None:
    desk = desk_of(store, embeddings, offer(), settings=SMALL)
    embeddings.fails_from = 3

    with pytest.raises(ToolFailed, match="The provider test answered 500"):
        await desk.index("doc", LONG)

    assert await usage(store) == (0, 0)
    embeddings.fails_from = None
    assert await desk.found("Sentence number") == []


async def test_a_provider_that_fails_half_way_leaves_the_old_text(
    store: Database, embeddings: Letters
) -> None:
    desk = desk_of(store, embeddings, offer(), settings=SMALL)
    await desk.index("doc", "The old text.")
    embeddings.fails_from = 3

    with pytest.raises(ToolFailed):
        await desk.index("doc", LONG)

    embeddings.fails_from = None
    [passage] = (await desk.query("text"))["results"]
    assert passage["text"] == "The old text."


async def test_a_failure_that_passes_is_survived(desk: Desk, embeddings: Letters) -> None:
    embeddings.failures = [NotEmbedded("busy", may_pass=True)]

    assert (await desk.index("doc", "A text."))["status"] == "indexed"


async def test_the_call_that_began_later_wins_whichever_ends_first(
    store: Database, embeddings: Letters
) -> None:
    desk = desk_of(store, embeddings, offer())
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold_the_first(texts: Sequence[str]) -> None:
        if texts == ["The first text."]:
            asked.set()
            await go_on.wait()

    embeddings.blocked = hold_the_first
    first = asyncio.create_task(desk.index("doc", "The first text."))
    await asked.wait()
    await desk.index("doc", "The second text.")
    go_on.set()
    await first

    [passage] = (await desk.query("text"))["results"]
    assert passage["text"] == "The second text."
    assert await usage(store) == (1, 1)


async def test_many_calls_for_one_document_leave_one_whole_text(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings, offer(), settings=SMALL)
    texts = [f"Version {number}. " * 60 for number in range(8)]

    await asyncio.gather(*(desk.index("doc", text) for text in texts))

    found = (await desk.query("Version", top_k=20))["results"]
    assert len({one["text"].split(".")[0] for one in found}) == 1
    assert await usage(store) == (1, (await desk.index("doc", texts[0]))["chunk_count"])


async def test_a_call_that_is_cancelled_leaves_nothing(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings, offer())
    asked = asyncio.Event()

    async def never(texts: Sequence[str]) -> None:
        asked.set()
        await asyncio.Event().wait()

    embeddings.blocked = never
    call = asyncio.create_task(desk.index("doc", "A text."))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await usage(store) == (0, 0)


async def test_the_same_name_at_another_tenant_is_a_document_of_its_own(desk: Desk) -> None:
    await desk.index("doc", "The text of A.", tenant=A)

    told = await desk.index("doc", "The text of B.", tenant=B)

    assert told["status"] == "indexed"
    assert [one["text"] for one in (await desk.query("text", A))["results"]] == ["The text of A."]
    assert [one["text"] for one in (await desk.query("text", B))["results"]] == ["The text of B."]


async def test_a_tenant_has_so_many_documents_even_when_all_come_at_once(
    store: Database, embeddings: Letters
) -> None:
    desk = desk_of(store, embeddings, offer(), settings=FileSearchSettings(tenant_documents=5))

    calls = (desk.index(f"doc{number}", "A text.") for number in range(12))
    ended = await asyncio.gather(*calls, return_exceptions=True)

    refused = [one for one in ended if isinstance(one, ToolFailed)]
    assert len(refused) == 7
    assert "5 documents can be indexed" in str(refused[0])
    assert await usage(store) == (5, 5)


async def test_a_full_tenant_can_replace_and_others_can_index(store: Database, embeddings: Letters) -> None:
    desk = desk_of(store, embeddings, offer(), settings=FileSearchSettings(tenant_documents=1))
    await desk.index("doc", "A text.")

    assert (await desk.index("doc", "Another text."))["status"] == "replaced"
    assert (await desk.index("doc", "A text.", tenant=B))["status"] == "indexed"
    with pytest.raises(ToolFailed, match="delete some"):
        await desk.index("doc2", "A text.")


async def test_a_tenant_has_so_many_passages(store: Database, embeddings: Letters) -> None:
    settings = SMALL.model_copy(update={"tenant_chunks": 10})
    desk = desk_of(store, embeddings, offer(), settings=settings)

    with pytest.raises(ToolFailed, match="10 passages can be indexed"):
        await desk.index("doc", LONG)

    assert embeddings.asked == []
    assert (await desk.index("doc", "A text."))["status"] == "indexed"


async def test_what_cannot_be_stored_is_refused_before_anybody_is_asked(
    desk: Desk, embeddings: Letters
) -> None:
    with pytest.raises(BadArguments, match="NUL"):
        await desk.index("doc", "a\0b")

    assert embeddings.asked == []


async def test_any_language_and_a_long_word_are_found_again(desk: Desk) -> None:
    await desk.index("ja", "新幹線の切符は駅の窓口で買えます。")
    await desk.index("ko", "서울은 대한민국의 수도이다.")
    await desk.index("ru", "Москва — столица России.")
    await desk.index("long", "prefix " + "x" * 50_000)

    assert await desk.found("新幹線") == ["ja"]
    assert await desk.found("수도") == ["ko"]
    assert await desk.found("столица") == ["ru"]
    assert (await desk.found("prefix"))[0] == "long"
