"""Documents are forgotten, and only their tenant's."""

import asyncio

import pytest

from infra.database import Database
from infra.store.file_search import FileSearchUsageRow
from tests.workers.tool.file_search.desk import A, B, Desk
from workers.tool.core.arguments import BadArguments

pytestmark = pytest.mark.stack


async def test_a_deleted_document_is_not_found_any_more(desk: Desk, store: Database) -> None:
    await desk.index("one", "A zebra.")
    await desk.index("two", "A zebra.")

    told = await desk.delete("two", "none", "two")

    assert told == {"deleted": ["two"], "not_found": ["none"]}
    assert await desk.found("zebra") == ["one"]
    async with store.begin() as session:
        usage = await session.get_one(FileSearchUsageRow, A)
    assert (usage.documents, usage.chunks) == (1, 1)


async def test_another_tenants_document_is_not_found(desk: Desk) -> None:
    await desk.index("doc", "A zebra.", tenant=A)

    assert await desk.delete("doc", tenant=B) == {"deleted": [], "not_found": ["doc"]}
    assert await desk.found("zebra", A) == ["doc"]


async def test_deletes_and_indexings_at_once_all_come_to_an_end(desk: Desk, store: Database) -> None:
    names = [f"doc{number}" for number in range(12)]

    await asyncio.gather(
        *(desk.index(name, "A zebra.") for name in names),
        *(desk.delete(*names[part:], *names[:part]) for part in range(4)),
    )

    left = set(await desk.found("zebra", top_k=20))
    async with store.begin() as session:
        usage = await session.get_one(FileSearchUsageRow, A)
    assert (usage.documents, usage.chunks) == (len(left), len(left))


async def test_names_that_cannot_be_are_refused(desk: Desk) -> None:
    with pytest.raises(BadArguments, match="NUL"):
        await desk.delete("a\0")
