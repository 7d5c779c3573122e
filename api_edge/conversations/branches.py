"""A conversation's branches: begun, listed, activated, deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from api_edge.conversations.finding import found_branch, found_conversation, found_item
from api_edge.middleware.paging import page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.wire.conversations import Branch, BranchActivated, BranchAsk, BranchList
from infra.database import Database, Transaction
from infra.store.branch_items import branch_sizes, delete_branch, fork_items
from infra.store.branches import MAX_BRANCHES, BranchRow, branch_at, branches_of, segments
from infra.store.conversations import MAIN, ConversationRow


@dataclass(frozen=True)
class Branches:
    """What a caller does with the branches of their conversations."""

    database: Database

    async def create(self, caller: Caller, conversation_id: str, ask: BranchAsk) -> Branch:
        """A new branch, which is not the active one yet. Raises ApiError: 400, 404, or 409 for a name that is
        taken, and where there are as many as may be."""
        if ask.name.upper() == MAIN:
            raise ApiError(ErrorCode.INVALID_VALUE, "name must not be MAIN", param="name")
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            parent = await found_branch(session, row, ask.parent_branch, param="parent_branch")
            branches = await branches_of(session, row.conversation_id)
            _check_room(ask.name, branches)
            branch = BranchRow(
                conversation_id=row.conversation_id,
                name=ask.name,
                parent=parent,
                forked_after=await _fork(session, row, parent, ask.fork_from_item_id),
                description=ask.description,
                created_at=now,
                updated_at=now,
            )
            session.add(branch)
            row.updated_at = now
            session.add(row)
            await session.flush()
            views = await _views(session, row, [*branches, branch])
        return views[branch.name]

    async def all(self, caller: Caller, conversation_id: str) -> BranchList:
        """All branches, MAIN first, then the oldest. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id)
            views = await _views(session, row, await branches_of(session, row.conversation_id))
        page = page_of(list(views.values()), False, lambda branch: branch.name)  # noqa: FBT003
        return BranchList(active_branch=row.active_branch, **dict(page))

    async def read(self, caller: Caller, conversation_id: str, name: str) -> Branch:
        """A branch. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id)
            views = await _views(session, row, await branches_of(session, row.conversation_id))
        if name not in views:
            raise _no_branch()
        return views[name]

    async def delete(self, caller: Caller, conversation_id: str, name: str) -> None:
        """Delete a branch with its own items. Raises ApiError: 400 for MAIN and the active one, 404, or 409
        where another branch goes on behind it."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            if name in (MAIN, row.active_branch):
                message = f"{'MAIN' if name == MAIN else 'The active branch'} can't be deleted"
                raise ApiError(ErrorCode.INVALID_VALUE, message, param="name")
            branch = await _branch(session, row, name)
            branches = await branches_of(session, row.conversation_id)
            if any(other.parent == branch.name for other in branches):
                message = "Another branch goes on behind this one; delete that first"
                raise ApiError(ErrorCode.CONFLICT, message, param="name")
            await delete_branch(session, branch)
            row.updated_at = datetime.now(UTC)
            session.add(row)

    async def activate(self, caller: Caller, conversation_id: str, name: str) -> BranchActivated:
        """Make a branch the active one. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            row.active_branch = await found_branch(session, row, name)
            row.updated_at = datetime.now(UTC)
            session.add(row)
        return BranchActivated(active_branch=row.active_branch)


def _check_room(name: str, branches: list[BranchRow]) -> None:
    if any(branch.name == name for branch in branches):
        raise ApiError(ErrorCode.CONFLICT, "The conversation has a branch of this name", param="name")
    if len(branches) + 1 >= MAX_BRANCHES:
        message = f"A conversation has at most {MAX_BRANCHES} branches; delete one first"
        raise ApiError(ErrorCode.CONFLICT, message)


async def _fork(session: Transaction, row: ConversationRow, parent: str, item_id: str | None) -> int:
    """The seq of the last item that a new branch shares with its parent."""
    if item_id is None:
        return row.last_seq
    item = await found_item(session, row, item_id, param="fork_from_item_id")
    parts = await segments(session, row.conversation_id, parent)
    if not any(item.branch == name and item.seq <= upto for name, upto in parts):
        message = "The parent branch has no such item"
        raise ApiError(ErrorCode.NOT_FOUND, message, param="fork_from_item_id")
    return item.seq


async def _branch(session: Transaction, row: ConversationRow, name: str) -> BranchRow:
    await found_branch(session, row, name)
    branch = await branch_at(session, row.conversation_id, name)
    if branch is None:
        raise _no_branch()
    return branch


async def _views(session: Transaction, row: ConversationRow, branches: list[BranchRow]) -> dict[str, Branch]:
    """All branches as clients see them, by their names."""
    sizes = await branch_sizes(session, row.conversation_id, branches)
    forks = await fork_items(session, row.conversation_id, branches)
    main = Branch(
        name=MAIN,
        item_count=sizes[MAIN],
        is_active=row.active_branch == MAIN,
        created_at=int(row.created_at.timestamp()),
        updated_at=int(row.updated_at.timestamp()),
    )
    return {MAIN: main} | {one.name: _view(one, row.active_branch, sizes, forks) for one in branches}


def _view(row: BranchRow, active: str, sizes: Mapping[str, int], forks: Mapping[int, str]) -> Branch:
    begun = int(row.created_at.timestamp())
    return Branch(
        name=row.name,
        description=row.description,
        parent_branch=row.parent,
        forked_from_item_id=forks.get(row.forked_after),
        forked_at=begun,
        item_count=sizes[row.name],
        is_active=row.name == active,
        created_at=begun,
        updated_at=int(row.updated_at.timestamp()),
    )


def _no_branch() -> ApiError:
    return ApiError(ErrorCode.NOT_FOUND, "The conversation has no such branch")
