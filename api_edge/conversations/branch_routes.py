"""The routes of a conversation's branches."""

from fastapi import APIRouter

from api_edge.conversations.branches import Branches
from api_edge.conversations.paths import CONFLICT, CONVERSATION, DOWN, UNKNOWN, ConversationId, Name
from api_edge.middleware.identity import SignedIn
from contracts.wire.conversations import Branch, BranchActivated, BranchAsk, BranchList

BRANCHES = f"{CONVERSATION}/branches"
BRANCH = BRANCHES + "/{name}"


def branch_router(branches: Branches) -> APIRouter:
    """The branches of a caller's conversations."""
    router = APIRouter(tags=["conversations"], responses={**UNKNOWN, **DOWN})

    @router.get(BRANCHES, summary="List branches")
    async def list_branches(caller: SignedIn, conversation_id: ConversationId) -> BranchList:
        """All branches, MAIN first, then the oldest. There are at most 64."""
        return await branches.all(caller, conversation_id)

    @router.post(BRANCHES, status_code=201, summary="Begin a branch", responses=CONFLICT)
    async def create_branch(caller: SignedIn, conversation_id: ConversationId, body: BranchAsk) -> Branch:
        """A branch that goes on behind an item of its parent, and shares what is before. It is not active
        yet."""
        return await branches.create(caller, conversation_id, body)

    @router.get(BRANCH, summary="Read a branch")
    async def read_branch(caller: SignedIn, conversation_id: ConversationId, name: Name) -> Branch:
        """A branch, without its items: list those with `branch`."""
        return await branches.read(caller, conversation_id, name)

    @router.delete(BRANCH, status_code=204, summary="Delete a branch", responses=CONFLICT)
    async def delete_branch(caller: SignedIn, conversation_id: ConversationId, name: Name) -> None:
        """Delete a branch with the items that it alone has. Not MAIN, not the active branch, and none that
        another goes on behind."""
        await branches.delete(caller, conversation_id, name)

    @router.post(f"{BRANCH}/activate", summary="Activate a branch")
    async def activate_branch(
        caller: SignedIn, conversation_id: ConversationId, name: Name
    ) -> BranchActivated:
        """Make it the branch whose items are listed, where new ones are appended, and that a chat goes on
        with."""
        return await branches.activate(caller, conversation_id, name)

    return router
