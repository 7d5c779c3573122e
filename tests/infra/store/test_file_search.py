"""Passages of tenants: by the index as well as one by one, by words, and counted."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.database import Database
from infra.store.file_search import (
    Chunk,
    FileDocumentRow,
    IndexFull,
    Room,
    begin_call,
    drop_documents,
    keep_document,
)
from infra.store.passages import (
    Key,
    Scope,
    Space,
    by_index,
    index_query,
    nearest,
    one_by_one,
    read_passages,
    spaces_of,
)
from infra.store.vectors import written
from infra.store.words import MOST_RANKED, Word, telling_words, with_words

pytestmark = pytest.mark.stack

SIZE = 256
MODEL = "test/model"
ROOM = Room(1_000, 100_000)


def vectors(count: int, seed: int, size: int = SIZE) -> list[list[float]]:
    """In clusters, as those of texts are."""
    chance = random.Random(seed)  # noqa: S311  no secret
    centres = [[chance.gauss(0, 1) for _ in range(size)] for _ in range(10)]
    return [[one + chance.gauss(0, 0.7) for one in chance.choice(centres)] for _ in range(count)]


async def keep(  # noqa: PLR0913  what tests differ in
    store: Database,
    tenant: str,
    chunks: Sequence[Chunk],
    document_id: str = "doc",
    *,
    model: str = MODEL,
    number: int | None = None,
    room: Room = ROOM,
) -> str:
    embedded = [chunk.embedding for chunk in chunks if chunk.embedding is not None]
    async with store.begin() as session:
        row = FileDocumentRow(
            tenant=tenant, document_id=document_id, digest="", token_count=1, chunk_count=len(chunks),
            embedding_model=model if embedded else None, dimensions=len(embedded[0]) if embedded else None,
            call_number=await begin_call(session) if number is None else number,
            indexed_at=datetime.now(UTC),
        )  # fmt: skip
        return await keep_document(session, row, chunks, room)


def of_vectors(numbers: Sequence[Sequence[float]]) -> list[Chunk]:
    return [Chunk(f"passage {place}", f"passage {place}", one) for place, one in enumerate(numbers)]


def of_texts(*texts: str) -> list[Chunk]:
    return [Chunk(one, one) for one in texts]


async def prefer_the_index(session: AsyncSession) -> None:
    """So few rows are sorted sooner than looked up."""
    await (await session.connection()).execute(text("SET LOCAL enable_sort = off"))


async def by_words(store: Database, tenant: str, question: str) -> list[Key]:
    async with store.begin() as session:
        return await with_words(session, Scope(tenant), question, 10)


async def test_a_small_tenant_beside_a_big_one_finds_its_own_nearest(store: Database) -> None:
    await keep(store, "big", of_vectors(vectors(1_500, seed=1)))
    await keep(store, "small", of_vectors(vectors(40, seed=2)))
    questions = vectors(10, seed=1)  # which lie among those of the big one

    hits = 0
    async with store.begin() as session:
        [space] = await spaces_of(session, Scope("small"))
        await prefer_the_index(session)
        for question in questions:
            exact = await one_by_one(session, Scope("small"), space, question, 10)
            assert await nearest(session, Scope("small"), space, question, 10) == exact
            found = await by_index(session, Scope("small"), space, question, 10)
            assert len(found) == 10
            hits += len(set(found) & set(exact))

    assert hits / (len(questions) * 10) >= 0.9


async def test_the_index_finds_nearly_what_comparing_all_does(store: Database) -> None:
    await keep(store, "one", of_vectors(vectors(1_500, seed=1)))
    await keep(store, "two", of_vectors(vectors(500, seed=1)))
    questions = vectors(20, seed=3)

    hits = 0
    async with store.begin() as session:
        await prefer_the_index(session)
        for tenant in ("one", "two"):
            [space] = await spaces_of(session, Scope(tenant))
            for question in questions:
                exact = await one_by_one(session, Scope(tenant), space, question, 10)
                found = await by_index(session, Scope(tenant), space, question, 10)
                assert len(found) == 10
                hits += len(set(found) & set(exact))

    assert hits / (2 * len(questions) * 10) >= 0.9


async def test_the_index_can_answer(store: Database) -> None:
    await keep(store, "one", of_vectors(vectors(1_500, seed=1)))
    values: dict[str, object] = {"tenant": "one", "model": MODEL, "vector": written(vectors(1, seed=2)[0])}
    values |= {"most": 10, "candidates": 40}

    async with store.begin() as session:
        connection = await session.connection()
        await prefer_the_index(session)
        query = text(f"EXPLAIN {index_query(Scope('one'), SIZE).text}")
        plan = "\n".join(row[0] for row in await connection.execute(query, values))

    assert f"ix_file_chunks_embedding_{SIZE}" in plan


async def test_many_passages_are_asked_of_the_index_and_all_of_them_where_it_gives_up(
    store: Database,
) -> None:
    await keep(store, "big", of_vectors(vectors(300, seed=1)))
    question = vectors(1, seed=1)[0]
    as_if_large = Space(MODEL, SIZE, 1_000_000)

    async with store.begin() as session:
        await prefer_the_index(session)
        exact = await one_by_one(session, Scope("big"), as_if_large, question, 300)
        found = await nearest(session, Scope("big"), as_if_large, question, 400)

    assert found == exact
    assert len(found) == 300


@pytest.mark.parametrize("size", [3, 26, 1_536, 3_072])
async def test_vectors_of_any_size_lie_side_by_side(store: Database, size: int) -> None:
    mine = vectors(5, seed=size, size=size)
    await keep(store, "t", of_vectors(mine))
    await keep(store, "t", of_vectors(vectors(5, seed=9, size=7)), document_id="other", model="test/other")

    async with store.begin() as session:
        spaces = {space.dimensions: space for space in await spaces_of(session, Scope("t"))}
        found = await nearest(session, Scope("t"), spaces[size], mine[3], 10)

    assert spaces.keys() == {size, 7}
    assert found[0] == ("doc", 3)
    assert {document_id for document_id, _ in found} == {"doc"}


async def test_rare_words_count_more_than_usual_ones(store: Database) -> None:
    usual = [f"the pump number {number} pump" for number in range(50)]
    await keep(store, "t", of_texts(*usual, "a pump, pump, pump with KX-550", "the sealing KX-550"))
    async with store.begin() as session:
        await (await session.connection()).execute(text("ANALYZE file_chunks"))

    found = await by_words(store, "t", "Which pumps and seals are KX-550?")

    assert {number for _, number in found[:2]} == {50, 51}


async def test_words_are_found_in_other_forms_and_without_statistics(store: Database) -> None:
    await keep(store, "t", of_texts("He mended the tyres", "Nothing of it"))

    assert await by_words(store, "t", "mending a tyre") == [("doc", 0)]


async def test_only_the_tenants_words_are_found(store: Database) -> None:
    await keep(store, "a", of_texts("the canary sings"))

    assert await by_words(store, "b", "canary") == []
    async with store.begin() as session:
        assert await read_passages(session, "b", [("doc", 0)]) == {}


@pytest.mark.parametrize("question", ["", "the of and", "?!", "'", "\\", "a'b\\c:*", "''' | !x"])
async def test_questions_without_words_and_with_operators_are_no_errors(
    store: Database, question: str
) -> None:
    await keep(store, "t", of_texts("some text"))

    assert await by_words(store, "t", question) == []


def test_the_rarest_words_tell_until_too_many_passages_hold_them() -> None:
    rare, known, usual = Word("kx-550", 0.0), Word("pump", 0.01), Word("number", 0.5)

    assert telling_words([rare, known, usual], 100_000) == [rare, known]
    assert telling_words([rare, known, usual], 100) == [rare, known, usual]
    assert telling_words([usual], 10 * MOST_RANKED) == [usual]
    assert rare.weight > known.weight > usual.weight > 0


async def test_a_call_that_began_earlier_changes_nothing_any_more(store: Database) -> None:
    async with store.begin() as session:
        earlier, later = await begin_call(session), await begin_call(session)
    assert await keep(store, "t", of_texts("later", "text"), number=later) == "indexed"

    assert await keep(store, "t", of_texts("earlier"), number=earlier) == "replaced"

    assert await by_words(store, "t", "earlier") == []
    assert await by_words(store, "t", "later") == [("doc", 0)]


async def test_a_tenant_that_would_have_too_much_has_what_it_had(store: Database) -> None:
    room = Room(documents=10, chunks=2)
    await keep(store, "t", of_texts("first"), room=room)

    with pytest.raises(IndexFull, match="2 passages"):
        await keep(store, "t", of_texts("one", "two", "three"), room=room)

    assert await by_words(store, "t", "first") == [("doc", 0)]
    assert await keep(store, "t", of_texts("one", "two"), room=room) == "replaced"


async def test_many_documents_are_forgotten_at_once(store: Database) -> None:
    names = [f"doc{number}" for number in range(250)]
    for name in names:
        await keep(store, "t", of_texts("word"), document_id=name)

    async with store.begin() as session:
        gone = await drop_documents(session, "t", [*names, "none"])

    assert gone == set(names)
    assert await by_words(store, "t", "word") == []
