"""What lies on the branches of a conversation: counted, found where they fork, deleted with them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, delete, func, literal, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.branches import NEWEST, BranchRow, segments_among
from infra.store.conversations import MAIN
from infra.store.items import ItemRow


async def branch_sizes(
    session: AsyncSession, conversation_id: str, branches: Sequence[BranchRow]
) -> dict[str, int]:
    """How many items each branch has, MAIN too, with those that it shares. The items are counted once."""
    ends = sorted({row.forked_after for row in branches} | {NEWEST})
    counts = await _counts(session, conversation_id, ends)
    rows = {row.name: row for row in branches}
    return {name: _size(name, rows, counts) for name in (MAIN, *rows)}


async def fork_items(
    session: AsyncSession, conversation_id: str, branches: Sequence[BranchRow]
) -> dict[int, str]:
    """The ids of the items that the branches go on behind, by their seqs; without those that were deleted."""
    found = select(ItemRow.seq, ItemRow.item_id).where(
        col(ItemRow.conversation_id) == conversation_id,
        col(ItemRow.branch).in_([MAIN, *(row.name for row in branches)]),
        col(ItemRow.seq).in_({row.forked_after for row in branches}),
    )
    return dict((await session.exec(found)).all())


async def delete_branch(session: AsyncSession, branch: BranchRow) -> None:
    """Delete a branch that nothing goes on behind, with the items that it alone has."""
    mine = col(ItemRow.conversation_id) == branch.conversation_id, col(ItemRow.branch) == branch.name
    await session.exec(delete(ItemRow).where(*mine))
    await session.delete(branch)
    await session.flush()


async def _counts(
    session: AsyncSession, conversation_id: str, ends: Sequence[int]
) -> dict[tuple[str, int], int]:
    """Of each branch's own items, how many there are up to each of these seqs."""
    beyond = literal([end + 1 for end in ends[:-1]], ARRAY(BigInteger))
    place = func.width_bucket(col(ItemRow.seq), beyond).label("place")  # how many ends lie below this seq
    counted = (
        select(col(ItemRow.branch), place, func.count())
        .where(col(ItemRow.conversation_id) == conversation_id)
        .group_by(col(ItemRow.branch), text("place"))
    )
    found = list((await session.exec(counted)).all())
    return {
        (name, end): sum(many for owner, at, many in found if owner == name and at <= last)
        for name in {owner for owner, _, _ in found}
        for last, end in enumerate(ends)
    }


def _size(name: str, rows: Mapping[str, BranchRow], counts: Mapping[tuple[str, int], int]) -> int:
    return sum(counts.get(part, 0) for part in segments_among(dict(rows), name))
