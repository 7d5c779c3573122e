"""Which dead letters went back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from infra.database import Database
from infra.store.redrives import RedriveRow, forget_redrive, note_redrive, redrive_of, redrives_among

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOPIC = "jobs.completion.flex.dead.v1"


def row(offset: int = 7, redrive: int = 1, by: str = "ann@desk", at: datetime = NOW) -> RedriveRow:
    return RedriveRow(topic=TOPIC, partition=0, offset=offset, at=at, by=by, redrive=redrive)


async def note(store: Database, one: RedriveRow, *, again: bool = False) -> int | None:
    async with store.begin() as session:
        return await note_redrive(session, one, again=again)


async def kept(store: Database, offset: int = 7) -> RedriveRow | None:
    async with store.begin() as session:
        return await redrive_of(session, TOPIC, 0, offset)


async def test_a_letter_goes_once_and_the_first_row_stays(store: Database) -> None:
    assert await note(store, row()) == 1
    assert await note(store, row(by="bob@desk", at=NOW + timedelta(hours=1))) is None

    found = await kept(store)
    assert found is not None
    assert (found.by, found.at, found.redrive) == ("ann@desk", NOW, 1)


async def test_of_many_operators_at_once_one_is_first(store: Database) -> None:
    numbers = await asyncio.gather(*(note(store, row(by=f"{number}@desk")) for number in range(8)))

    assert sorted(number for number in numbers if number is not None) == [1]


async def test_a_letter_that_goes_again_gets_the_next_number_and_says_who(store: Database) -> None:
    await note(store, row())

    numbers = [await note(store, row(by="bob@desk"), again=True) for _ in range(2)]

    found = await kept(store)
    assert found is not None
    assert numbers == [2, 3]
    assert (found.by, found.redrive) == ("bob@desk", 3)


async def test_a_first_time_that_was_forced_is_a_first_time(store: Database) -> None:
    assert await note(store, row(redrive=4), again=True) == 4


async def test_a_letter_that_did_not_go_after_all_may_go(store: Database) -> None:
    await note(store, row())
    async with store.begin() as session:
        await forget_redrive(session, row())

    assert await kept(store) is None
    assert await note(store, row()) == 1


async def test_forgetting_leaves_what_another_noted_since(store: Database) -> None:
    await note(store, row())
    await note(store, row(by="bob@desk"), again=True)

    async with store.begin() as session:
        await forget_redrive(session, row())

    assert await kept(store) is not None


async def test_those_that_went_are_found_among_many(store: Database) -> None:
    await note(store, row(7))
    await note(store, row(9))

    async with store.begin() as session:
        found = await redrives_among(session, [(TOPIC, 0, offset) for offset in (6, 7, 8)])
        none = await redrives_among(session, [])

    assert found.keys() == {(TOPIC, 0, 7)}
    assert none == {}


async def test_the_largest_offset_fits(store: Database) -> None:
    assert await note(store, row(offset=2**63 - 1)) == 1
