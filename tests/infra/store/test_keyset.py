"""Lists by their ids, on a real database."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from contracts.errors import ApiError
from infra.database import Database
from infra.store.keyset import Order, keyset
from infra.store.users import User, add_user, new_guest

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OURS: SelectOfScalar[User] = select(User).where(col(User.tenant) == "ours")


async def add(store: Database, names: Sequence[str], tenant: str = "ours") -> None:
    async with store.begin() as session:
        for name in names:
            guest = new_guest(NOW)
            guest.user_id, guest.tenant, guest.username = name, tenant, f"{tenant}-{name}"
            await add_user(session, guest)


async def part(
    store: Database, limit: int, after: str | None = None, order: Order = "desc"
) -> tuple[list[str], bool]:
    async with store.begin() as session:
        rows, has_more = await keyset(session, OURS, col(User.user_id), limit=limit, after=after, order=order)
    return [row.user_id for row in rows], has_more


async def test_parts_are_the_whole_list_in_either_order(store: Database) -> None:
    await add(store, ["1", "2", "3", "4", "5"])

    assert await part(store, 2) == (["5", "4"], True)
    assert await part(store, 2, "4") == (["3", "2"], True)
    assert await part(store, 2, "2") == (["1"], False)
    assert await part(store, 3, None, "asc") == (["1", "2", "3"], True)
    assert await part(store, 2, "3", "asc") == (["4", "5"], False)
    assert await part(store, 5) == (["5", "4", "3", "2", "1"], False)


async def test_an_empty_list_and_the_end_of_one_have_nothing_behind(store: Database) -> None:
    assert await part(store, 2) == ([], False)

    await add(store, ["1"])

    assert await part(store, 2, "1") == ([], False)


async def test_rows_written_meanwhile_neither_skip_nor_repeat_others(store: Database) -> None:
    await add(store, ["2", "4", "6"])
    first, _ = await part(store, 2)
    await add(store, ["5", "7"])

    rest, has_more = await part(store, 9, first[-1])

    assert (first, rest, has_more) == (["6", "4"], ["2"], False)


@pytest.mark.parametrize("after", ["9", "theirs", "' OR 1=1 --"])
async def test_an_unknown_or_foreign_place_is_told(store: Database, after: str) -> None:
    await add(store, ["1"])
    await add(store, ["theirs"], tenant="theirs")

    with pytest.raises(ApiError) as caught:
        await part(store, 2, after)

    assert (caught.value.detail.status, caught.value.detail.param) == (400, "after")
