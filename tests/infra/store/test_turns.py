"""Turns, appended exactly once; histories, read along branches."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from contracts.ids import CONVERSATION, PROJECT, new_id, new_ulid
from infra.database import Database
from infra.store.branches import BranchRow
from infra.store.conversations import ConversationRow, conversation_at
from infra.store.items import ItemRow, item_at
from infra.store.projects import ProjectRow
from infra.store.turns import (
    NewItem,
    NewTurn,
    append_turn,
    count_branches,
    has_project,
    instruction_of,
    last_before,
    model_behind,
    remembered_items,
)

pytestmark = pytest.mark.stack

NOW = datetime.now(UTC)


async def made(store: Database, **given: Any) -> str:  # columns of a conversation
    conversation_id = new_id(CONVERSATION)
    row = ConversationRow(
        conversation_id=conversation_id, tenant="t1", user_id="u1", created_at=NOW, updated_at=NOW, **given
    )
    async with store.begin() as session:
        session.add(row)
    return conversation_id


def items(job_id: str, *texts: str) -> list[NewItem]:
    return [
        NewItem(f"msg_{job_id}_{at}", "message", {"content": said}, role="user" if at == 0 else "assistant")
        for at, said in enumerate(texts)
    ]


def turn(conversation_id: str, *texts: str, job_id: str | None = None, **given: Any) -> NewTurn:  # its fields
    job = job_id or new_ulid()
    tenant = given.pop("tenant", "t1")
    return NewTurn(tenant, "u1", conversation_id, items(job, *texts), job_id=job, **{"attempt": 1, **given})


async def append(store: Database, new: NewTurn) -> bool:
    async with store.begin() as session:
        return await append_turn(session, new, NOW)


async def told(store: Database, conversation_id: str, branch: str = "MAIN", after: int = 10**9) -> list[str]:
    async with store.begin() as session:
        rows, is_all = await remembered_items(session, conversation_id, branch, after, lambda _: False)
    assert is_all
    return [row.data["content"] for row in rows]


async def conversation(store: Database, conversation_id: str) -> ConversationRow:
    async with store.begin() as session:
        row = await conversation_at(session, "t1", conversation_id)
    assert row is not None
    return row


async def test_turns_are_remembered_in_their_order(store: Database) -> None:
    one = await made(store)

    await append(store, turn(one, "q1", "a1"))
    await append(store, turn(one, "q2", "a2"))

    assert await told(store, one) == ["q1", "a1", "q2", "a2"]
    assert await told(store, one, after=3) == ["q1", "a1", "q2"]
    assert (await conversation(store, one)).last_seq == 4


async def test_the_same_turn_again_is_there_once(store: Database) -> None:
    one = await made(store)
    new = turn(one, "q", "a")

    assert await append(store, new)
    assert await append(store, new)

    assert await told(store, one) == ["q", "a"]
    assert (await conversation(store, one)).last_seq == 2


async def test_a_later_attempt_takes_the_place_of_an_earlier_one(store: Database) -> None:
    one = await made(store)
    job_id = new_ulid()
    await append(store, turn(one, "q", "a", job_id=job_id))
    await append(store, turn(one, "q2", "a2"))

    assert await append(store, turn(one, "q", "b", "c", job_id=job_id, attempt=2))

    assert await told(store, one) == ["q", "b", "q2", "a2", "c"]


async def test_an_earlier_attempt_changes_nothing_any_more(store: Database) -> None:
    one = await made(store)
    job_id = new_ulid()
    await append(store, turn(one, "q", "b", job_id=job_id, attempt=2))

    assert not await append(store, turn(one, "q", "a", job_id=job_id, attempt=1))

    assert await told(store, one) == ["q", "b"]


async def test_a_deleted_conversation_keeps_nothing(store: Database) -> None:
    assert not await append(store, turn(new_id(CONVERSATION), "q", "a"))


async def test_another_tenants_conversation_keeps_nothing(store: Database) -> None:
    one = await made(store)

    assert not await append(store, turn(one, "q", "a", tenant="t2"))

    assert await told(store, one) == []


async def test_a_deleted_branch_keeps_nothing(store: Database) -> None:
    one = await made(store)

    assert not await append(store, turn(one, "q", "a", branch="gone"))


async def test_a_conversation_is_made_with_its_first_turn_once(store: Database) -> None:
    one = new_id(CONVERSATION)
    new = turn(one, "q", "a", is_new=True, title="T", referrer="r", metadata={"k": "v"})

    await append(store, new)
    await append(store, new)

    row = await conversation(store, one)
    assert (row.title, row.referrer, row.meta, row.user_id) == ("T", "r", {"k": "v"}, "u1")
    assert await told(store, one) == ["q", "a"]


async def test_a_title_is_given_where_there_is_none(store: Database) -> None:
    titled, untitled = await made(store, title="Mine"), await made(store)

    for one in (titled, untitled):
        await append(store, turn(one, "q", "a", title="Made"))

    assert (await conversation(store, titled)).title == "Mine"
    assert (await conversation(store, untitled)).title == "Made"


async def test_a_new_branch_shares_what_is_before_it_and_becomes_the_active_one(store: Database) -> None:
    one = await made(store)
    await append(store, turn(one, "q1", "a1"))
    await append(store, turn(one, "q2", "a2"))
    new = turn(one, "q3", "a3", after=2, new_branch="B")

    await append(store, new)
    await append(store, new)

    assert await told(store, one, "B") == ["q1", "a1", "q3", "a3"]
    assert await told(store, one) == ["q1", "a1", "q2", "a2"]
    assert (await conversation(store, one)).active_branch == "B"
    async with store.begin() as session:
        assert await count_branches(session, one) == 2


async def test_a_retried_turn_does_not_activate_its_branch_again(store: Database) -> None:
    one = await made(store)
    new = turn(one, "q", "a", new_branch="B")
    await append(store, new)
    async with store.begin() as session:
        row = await conversation_at(session, "t1", one)
        assert row is not None
        row.active_branch = "MAIN"

    await append(store, new)

    assert (await conversation(store, one)).active_branch == "MAIN"


async def test_branches_of_branches_end_where_they_were_left(store: Database) -> None:
    one = await made(store)
    await append(store, turn(one, "q1", "a1"))
    await append(store, turn(one, "q2", after=2, new_branch="B"))
    await append(store, turn(one, "q3", after=1, branch="B", new_branch="C"))

    assert await told(store, one, "C") == ["q1", "q3"]


async def test_reading_ends_when_it_is_enough(store: Database) -> None:
    one = await made(store)
    await append(store, turn(one, *map(str, range(250))))
    seen: list[int] = []

    def is_enough(rows: Sequence[ItemRow]) -> bool:
        seen.append(len(rows))
        return len(seen) == 2

    async with store.begin() as session:
        rows, is_all = await remembered_items(session, one, "MAIN", 240, is_enough)

    assert not is_all
    assert seen == [100, 100]
    assert [row.data["content"] for row in rows] == [str(number) for number in range(40, 240)]


async def test_an_item_is_found_by_its_owner_alone(store: Database) -> None:
    one, other = await made(store), await made(store)
    new = turn(one, "q", "a")
    await append(store, new)
    item_id = new.items[1].item_id

    async with store.begin() as session:
        assert await item_at(session, "t1", one, item_id) is not None
        assert await item_at(session, "t2", one, item_id) is None
        assert await item_at(session, "t1", other, item_id) is None


async def test_what_stands_before_an_item_may_be_on_its_parent(store: Database) -> None:
    one = await made(store)
    first, second = turn(one, "q1", "a1"), turn(one, "q2", "a2", after=2, new_branch="B")
    await append(store, first)
    await append(store, second)

    async with store.begin() as session:
        item = await item_at(session, "t1", one, second.items[0].item_id)
        begun = await item_at(session, "t1", one, first.items[0].item_id)
        assert item is not None
        assert begun is not None
        before, asked = await last_before(session, item), await last_before(session, item, role="user")
        nothing = await last_before(session, begun)

    assert before is not None
    assert asked is not None
    assert (before.data["content"], asked.data["content"], nothing) == ("a1", "q1", None)


async def test_a_deleted_project_instructs_nobody(store: Database) -> None:
    project_id = new_id(PROJECT)
    row = ProjectRow(
        project_id=project_id,
        tenant="t1",
        user_id="u1",
        name="n",
        instruction="Be.",
        created_at=NOW,
        updated_at=NOW,
    )
    async with store.begin() as session:
        session.add(row)

    async with store.begin() as session:
        assert await instruction_of(session, "t1", project_id) == "Be."
        assert await instruction_of(session, "t2", project_id) is None
        assert await has_project(session, "t1", project_id)
        await session.exec(text("UPDATE projects SET deleted_at = now()"))  # type: ignore[call-overload]
        assert await instruction_of(session, "t1", project_id) is None
        assert not await has_project(session, "t1", project_id)


async def test_a_branch_row_says_where_it_was_left(store: Database) -> None:
    one = await made(store)
    await append(store, turn(one, "q", after=0, new_branch="B"))

    async with store.begin() as session:
        row = await session.get(BranchRow, (one, "B"))

    assert row is not None
    assert (row.parent, row.forked_after) == ("MAIN", 0)


async def test_the_model_that_answered_is_found_behind_a_question(store: Database) -> None:
    one = await made(store)
    job_id = new_ulid()
    question, answer = items(job_id, "q", "a")
    await append(store, replace(turn(one), items=[question, replace(answer, model="m")]))

    async with store.begin() as session:
        asked = await item_at(session, "t1", one, question.item_id)
        said = await item_at(session, "t1", one, answer.item_id)
        assert asked is not None
        assert said is not None
        assert await model_behind(session, asked) == "m"
        assert await model_behind(session, said) is None
