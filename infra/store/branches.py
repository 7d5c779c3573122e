"""Branches of conversations: each goes on behind an item of its parent, whose items up to there it shares."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.conversations import MAIN, ConversationRow
from infra.store.table import Table

MAX_BRANCHES = 64
"""Of one conversation, MAIN included: how many parts a branch can be made of at most."""
NEWEST = 2**63 - 1
"""No seq is greater."""

Segment = tuple[str, int]
"""Whose items a part of a branch is, and the seq up to which it goes."""


class BranchRow(Table, table=True):
    """One branch. `MAIN` has no row: it is there from the beginning, and has no parent."""

    __tablename__ = "conversation_branches"

    conversation_id: str = Field(
        primary_key=True,
        foreign_key=f"{ConversationRow.__tablename__}.conversation_id",
        ondelete="CASCADE",
        max_length=64,
    )
    name: str = Field(primary_key=True, max_length=64)
    parent: str = Field(max_length=64)
    forked_after: int = Field(sa_type=BigInteger)
    """The seq of the last item that it shares with its parent; 0 for none."""
    description: str | None = Field(default=None, max_length=512)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))


async def branches_of(session: AsyncSession, conversation_id: str) -> list[BranchRow]:
    """All branches of a conversation but MAIN, the oldest first."""
    found = select(BranchRow).where(col(BranchRow.conversation_id) == conversation_id)
    return list((await session.exec(found.order_by(col(BranchRow.created_at), col(BranchRow.name)))).all())


async def branch_at(session: AsyncSession, conversation_id: str, name: str) -> BranchRow | None:
    """A branch, if a conversation has one of this name; MAIN has no row."""
    return await session.get(BranchRow, (conversation_id, name))


async def has_branch(session: AsyncSession, conversation_id: str, name: str) -> bool:
    """Whether a conversation has a branch of this name."""
    return name == MAIN or await branch_at(session, conversation_id, name) is not None


async def segments(
    session: AsyncSession, conversation_id: str, branch: str, upto: int = NEWEST
) -> list[Segment]:
    """The parts that a branch is made of, the newest first; of it, what goes up to a seq."""
    if branch == MAIN:
        return [(MAIN, upto)]
    rows = await branches_of(session, conversation_id)
    return segments_among({row.name: row for row in rows}, branch, upto)


def segments_among(rows: dict[str, BranchRow], branch: str, upto: int = NEWEST) -> list[Segment]:
    """The same, of branches by their names.

    A branch's own seqs are all greater than those that it shares, so that its parts follow each other.
    """
    parts = [(branch, upto)]
    left = dict(rows)
    while (row := left.pop(parts[-1][0], None)) is not None:
        parts.append((row.parent, min(parts[-1][1], row.forked_after)))
    return parts
