"""Where conversations stand, as the database tells it."""

from api_edge.deps import no_conversation, no_project
from contracts.jobs import Turn
from infra.database import Database
from infra.store.conversations import conversation_at
from infra.store.turns import has_project


class Places:
    """Satisfies `Conversations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, tenant: str, conversation_id: str) -> Turn:
        """See `Conversations`."""
        async with self._database.begin() as session:
            row = await conversation_at(session, tenant, conversation_id)
        if row is None:
            raise no_conversation()
        return Turn(
            conversation_id=row.conversation_id,
            branch=row.active_branch,
            after=row.last_seq,
            title=row.title,
        )

    async def check_project(self, tenant: str, project_id: str) -> None:
        """See `Conversations`."""
        async with self._database.begin() as session:
            if not await has_project(session, tenant, project_id):
                raise no_project()
