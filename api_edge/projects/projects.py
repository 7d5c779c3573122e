"""A caller's projects: begun, listed, changed, deleted."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import PROJECT, is_id, new_id
from contracts.wire.conversations import Conversation, shown_conversation
from contracts.wire.lists import Page
from contracts.wire.projects import Project, ProjectAsk, ProjectPatch
from infra.database import Database, Transaction
from infra.store.conversations import Wanted, conversations_of, leave_project
from infra.store.projects import ProjectRow, keep_project, project_at, projects_of


@dataclass(frozen=True)
class Projects:
    """What a caller does with their projects."""

    database: Database

    async def create(self, caller: Caller, ask: ProjectAsk) -> Project:
        """A new project. Raises ApiError: 409 when another one has its name."""
        now = datetime.now(UTC)
        row = ProjectRow(
            project_id=new_id(PROJECT),
            tenant=caller.tenant,
            user_id=caller.user_id,
            name=ask.name,
            instruction=ask.instruction or None,
            created_at=now,
            updated_at=now,
        )
        async with self.database.begin() as session:
            await keep_project(session, row)
        return _view(row)

    async def page(self, caller: Caller, ask: PageAsk) -> Page[Project]:
        """The caller's projects, by age. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await projects_of(
                session, caller.tenant, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([_view(row) for row in rows], has_more, lambda project: project.id)

    async def read(self, caller: Caller, project_id: str) -> Project:
        """A project. Raises ApiError: 404."""
        async with self.database.begin() as session:
            return _view(await _found(session, caller, project_id))

    async def change(self, caller: Caller, project_id: str, patch: ProjectPatch) -> Project:
        """A project, as it is then. Raises ApiError: 404, or 409 when another one has its name."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await _found(session, caller, project_id, is_locked=True)
            if patch.name is not None:
                row.name = patch.name
            if "instruction" in patch.model_fields_set:
                row.instruction = patch.instruction or None
            if patch.is_favorite is not None:
                row.is_favorite = patch.is_favorite
            if patch.is_archived is not None:
                row.archived_at = (row.archived_at or now) if patch.is_archived else None
            row.updated_at = now
            await keep_project(session, row)
        return _view(row)

    async def delete(self, caller: Caller, project_id: str) -> None:
        """Delete a project. Its conversations stay, without it; its name can be used again. Raises ApiError:
        404."""
        async with self.database.begin() as session:
            row = await _found(session, caller, project_id, is_locked=True)
            row.deleted_at = row.updated_at = datetime.now(UTC)
            await keep_project(session, row)
            await leave_project(session, caller.tenant, project_id)

    async def conversations(self, caller: Caller, project_id: str, ask: PageAsk) -> Page[Conversation]:
        """The conversations of a project. Raises ApiError: 404, or 400 for an unknown `after`."""
        async with self.database.begin() as session:
            await _found(session, caller, project_id)
            rows, has_more = await conversations_of(
                session,
                Wanted(caller.tenant, project_id, None),
                limit=ask.limit,
                after=ask.after,
                order=ask.order,
            )
        return page_of([shown_conversation(row) for row in rows], has_more, lambda one: one.id)


async def _found(
    session: Transaction, caller: Caller, project_id: str, *, is_locked: bool = False
) -> ProjectRow:
    row = None
    if is_id(project_id, PROJECT):
        row = await project_at(session, caller.tenant, project_id, is_locked=is_locked)
    if row is None:
        raise ApiError(ErrorCode.NOT_FOUND, "There is no such project")
    return row


def _view(row: ProjectRow) -> Project:
    return Project(
        id=row.project_id,
        name=row.name,
        instruction=row.instruction,
        is_favorite=row.is_favorite,
        is_archived=row.archived_at is not None,
        archived_at=None if row.archived_at is None else _seconds(row.archived_at),
        created_at=_seconds(row.created_at),
        updated_at=_seconds(row.updated_at),
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
