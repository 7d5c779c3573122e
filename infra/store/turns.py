"""Turns of conversations: what is remembered of them, and appending one exactly once.

A turn is the items of one job. Its rows carry the job and the attempt that wrote them: a later attempt puts
its own into their place, an earlier one changes nothing any more. Everything happens under the conversation's
row lock, so that seqs rise and two turns never mix.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from infra.store.branches import BranchRow, has_branch, segments
from infra.store.conversations import MAIN, ConversationRow, conversation_at
from infra.store.items import ItemRow
from infra.store.projects import ProjectRow

CHUNK = 100
"""Items that are read at once."""

Json = Any  # OpenAI's items, open by nature


@dataclass(frozen=True)
class NewItem:
    """An item that is to be appended."""

    item_id: str
    type: str
    data: dict[str, Json]
    role: str | None = None
    call_id: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class NewTurn:
    """What is to be appended, and where."""

    tenant: str
    user_id: str
    conversation_id: str
    items: Sequence[NewItem]
    job_id: str | None = None
    """Who appends; None: a client did, once."""
    attempt: int = 0
    branch: str = MAIN
    new_branch: str | None = None
    """Begun with this turn, behind `after` of `branch`, and then the active one."""
    after: int = 0
    title: str | None = None
    """Where the conversation has none."""
    is_new: bool = False
    """Whether the conversation is made, too."""
    metadata: dict[str, str] = field(default_factory=dict)
    project_id: str | None = None
    referrer: str | None = None


async def instruction_of(session: AsyncSession, tenant: str, project_id: str) -> str | None:
    """What a tenant's project tells every model; None where it says nothing, or is deleted."""
    found = select(ProjectRow.instruction).where(*_living(tenant, project_id))
    return (await session.exec(found)).first()


async def has_project(session: AsyncSession, tenant: str, project_id: str) -> bool:
    """Whether a tenant has this project."""
    found = select(ProjectRow.project_id).where(*_living(tenant, project_id))
    return (await session.exec(found)).first() is not None


async def remembered_items(
    session: AsyncSession,
    conversation_id: str,
    branch: str,
    after: int,
    is_enough: Callable[[Sequence[ItemRow]], bool],
    chunk: int = CHUNK,
) -> tuple[list[ItemRow], bool]:
    """The newest items of a branch up to a seq, the oldest of them first, and whether these are all.

    They are read in chunks, the newest first, until `is_enough` says so when it has seen one more.
    """
    newest: list[ItemRow] = []
    for name, upto in await segments(session, conversation_id, branch, after):
        while rows := await _chunk(session, conversation_id, name, upto, chunk):
            newest += rows
            if is_enough(rows):
                return newest[::-1], False
            if len(rows) < chunk:
                break
            upto = rows[-1].seq - 1  # noqa: PLW2901  the segment is walked down
    return newest[::-1], True


async def last_before(session: AsyncSession, item: ItemRow, *, role: str | None = None) -> ItemRow | None:
    """The item in front of another on its branch; of a role, if one is given."""
    for name, upto in await segments(session, item.conversation_id, item.branch, item.seq - 1):
        found = _below(item.conversation_id, name, upto).limit(1)
        if role is not None:
            found = found.where(col(ItemRow.role) == role)
        row = (await session.exec(found)).first()
        if row is not None:
            return row
    return None


async def model_behind(session: AsyncSession, item: ItemRow) -> str | None:
    """The model that answered behind an item, on the item's own branch."""
    found = (
        select(ItemRow.model)
        .where(col(ItemRow.conversation_id) == item.conversation_id, col(ItemRow.branch) == item.branch)
        .where(col(ItemRow.seq) > item.seq, col(ItemRow.seq) <= item.seq + CHUNK)
        .where(col(ItemRow.model).is_not(None))
        .order_by(col(ItemRow.seq))
    )
    return (await session.exec(found.limit(1))).first()


async def count_branches(session: AsyncSession, conversation_id: str) -> int:
    """How many branches a conversation has, MAIN included."""
    counted = select(func.count()).where(col(BranchRow.conversation_id) == conversation_id)
    return (await session.exec(counted)).one() + 1


async def append_turn(session: AsyncSession, turn: NewTurn, now: datetime) -> bool:
    """Append a turn, or put it into the place of an earlier attempt's.

    False, with nothing changed, where its conversation or its branch is not there any more, and where a later
    attempt has appended it.
    """
    if turn.is_new:
        await _make(session, turn, now)
    row = await conversation_at(session, turn.tenant, turn.conversation_id, is_locked=True)
    if row is None or not await has_branch(session, turn.conversation_id, turn.branch):
        return False
    former = await _former(session, turn)
    if former and max(attempt for _, attempt in former) > turn.attempt:
        return False
    if turn.new_branch is not None and await _fork(session, turn, now):
        row.active_branch = turn.new_branch
    seqs = await _places(session, turn, row, [seq for seq, _ in former])
    for seq, item in zip(seqs, turn.items, strict=True):
        session.add(_row(turn, item, seq, now))
    row.title = row.title or turn.title
    row.updated_at = now
    session.add(row)
    await session.flush()
    return True


def _below(conversation_id: str, branch: str, upto: int) -> SelectOfScalar[ItemRow]:
    mine = col(ItemRow.conversation_id) == conversation_id, col(ItemRow.branch) == branch
    return select(ItemRow).where(*mine, col(ItemRow.seq) <= upto).order_by(col(ItemRow.seq).desc())


async def _chunk(
    session: AsyncSession, conversation_id: str, branch: str, upto: int, most: int
) -> list[ItemRow]:
    return list((await session.exec(_below(conversation_id, branch, upto).limit(most))).all())


async def _make(session: AsyncSession, turn: NewTurn, now: datetime) -> None:
    values = {
        "conversation_id": turn.conversation_id,
        "tenant": turn.tenant,
        "user_id": turn.user_id,
        "title": turn.title,
        "metadata": turn.metadata,
        "project_id": turn.project_id,
        "referrer": turn.referrer,
        "active_branch": MAIN,
        "last_seq": 0,
        "created_at": now,
        "updated_at": now,
    }
    table = ConversationRow.__table__  # type: ignore[attr-defined]  # SQLModel's own
    await session.exec(insert(table).values(values).on_conflict_do_nothing())


async def _former(session: AsyncSession, turn: NewTurn) -> list[tuple[int, int]]:
    """The seq and the attempt of each item that this job has appended."""
    if turn.job_id is None:
        return []
    found = select(ItemRow.seq, ItemRow.attempt).where(*_of_job(turn)).order_by(col(ItemRow.seq))
    return list((await session.exec(found)).all())


async def _fork(session: AsyncSession, turn: NewTurn, now: datetime) -> bool:
    """Begin the turn's own branch; False where an earlier attempt did."""
    begun = insert(BranchRow).values(
        conversation_id=turn.conversation_id,
        name=turn.new_branch,
        parent=turn.branch,
        forked_after=turn.after,
        created_at=now,
        updated_at=now,
    )
    named = begun.on_conflict_do_nothing().returning(col(BranchRow.name))
    return (await session.exec(named)).first() is not None


async def _places(session: AsyncSession, turn: NewTurn, row: ConversationRow, former: list[int]) -> list[int]:
    """A seq for each item: first those of an earlier attempt's, which go, then new ones."""
    if former:
        await session.exec(delete(ItemRow).where(*_of_job(turn)))
    seqs = former[: len(turn.items)]
    missing = len(turn.items) - len(seqs)
    seqs += range(row.last_seq + 1, row.last_seq + 1 + missing)
    row.last_seq += missing
    return seqs


def _row(turn: NewTurn, item: NewItem, seq: int, now: datetime) -> ItemRow:
    return ItemRow(
        item_id=item.item_id,
        conversation_id=turn.conversation_id,
        tenant=turn.tenant,
        branch=turn.new_branch or turn.branch,
        seq=seq,
        type=item.type,
        role=item.role,
        call_id=item.call_id,
        data=item.data,
        model=item.model,
        job_id=turn.job_id,
        attempt=turn.attempt,
        created_at=now,
    )


def _of_job(turn: NewTurn) -> tuple[Any, ...]:  # SQLAlchemy's conditions
    return col(ItemRow.conversation_id) == turn.conversation_id, col(ItemRow.job_id) == turn.job_id


def _living(tenant: str, project_id: str) -> tuple[Any, ...]:  # as above
    return (
        col(ProjectRow.project_id) == project_id,
        col(ProjectRow.tenant) == tenant,
        col(ProjectRow.deleted_at).is_(None),
    )
