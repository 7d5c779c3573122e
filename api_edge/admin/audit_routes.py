"""GET /v1/admin/audit-logs: what admins and operators changed."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import PageAsk, Paging, page_of
from contracts.wire.admin_providers import AuditEntry
from contracts.wire.lists import Page
from infra.database import Database
from infra.store.audit import AuditFilter, AuditRow, audit_page

Filter = Annotated[str | None, Query(min_length=1, max_length=256, pattern="^[!-~]+$")]


@dataclass(frozen=True)
class AuditLog:
    """The audit log, as admins read it."""

    database: Database

    async def page(self, wanted: AuditFilter, ask: PageAsk) -> Page[AuditEntry]:
        """A part of what fits, the newest first. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await audit_page(
                session, wanted, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([_view(row) for row in rows], has_more, lambda entry: entry.id)


def admin_audit_router(audit: AuditLog) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1/admin/audit-logs", tags=["admin"])

    @router.get("", summary="Read the audit log")
    async def list_changes(
        _: SignedIn,
        paging: Paging,
        target_type: Annotated[Filter, Query(description="What was changed", examples=["provider"])] = None,
        target_id: Annotated[Filter, Query(description="The id of what was changed")] = None,
        actor_id: Annotated[Filter, Query(description="The user who changed it")] = None,
    ) -> Page[AuditEntry]:
        """Every change by the admin API or the command line that fits every filter, the newest first."""
        return await audit.page(AuditFilter(target_type, target_id, actor_id), paging)

    return router


def _view(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=row.audit_id,
        at=row.at,
        actor_id=row.actor_id,
        action=row.action,
        target_type=row.target_type,
        target_id=row.target_id,
        changes=row.changes,
        request_id=row.request_id,
    )
