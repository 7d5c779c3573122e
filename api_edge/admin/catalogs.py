"""Catalogs, as admins look after them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api_edge.middleware.paging import PageAsk, page_of
from contracts.errors import ApiError, ErrorCode
from contracts.wire.admin_models import Catalog, CatalogPatch, CatalogToggle, Toggled
from contracts.wire.lists import Page
from infra.database import Database
from infra.notices import Notices
from infra.registry.reading import tell_changed
from infra.store.audit import Actor, note_change
from infra.store.catalogs import CatalogRow, catalog_of, catalogs_page, locked_catalog, toggle_catalogs

UPDATED = "updated"
EMPTY: dict[str, Any] = {"architecture": {}, "supported_parameters": {}, "tags": [], "extras": {}}
"""What null makes of a field that is never null."""
NEVER_NULL = frozenset({"display_name", "active"})


class UnknownCatalog(ApiError):
    """There is no catalog of this id."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such model catalog")


@dataclass(frozen=True)
class Catalogs:
    """What is known of models. Each change is in the audit log, and felt everywhere within a second."""

    database: Database
    notices: Notices

    async def page(
        self, ask: PageAsk, *, status: str | None = None, is_active: bool | None = None
    ) -> Page[Catalog]:
        """A part of those that fit, by their ids. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await catalogs_page(
                session, status, is_active, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([_view(row) for row in rows], has_more, lambda catalog: catalog.id)

    async def read(self, catalog_id: str, *, is_public: bool = False) -> Catalog:
        """A catalog; for the public only one that is active. Raises UnknownCatalog."""
        async with self.database.begin() as session:
            row = await catalog_of(session, catalog_id)
        if row is None or (is_public and not row.is_active):
            raise UnknownCatalog
        return _view(row)

    async def change(self, catalog_id: str, patch: CatalogPatch, by: Actor) -> Catalog:
        """Change what is given, for good. Raises UnknownCatalog."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await locked_catalog(session, catalog_id)
            if row is None:
                raise UnknownCatalog
            changes = _take(row, patch)
            if changes:
                row.status, row.updated_at = UPDATED, now
                await session.flush()
                note_change(session, by, now, "catalog.update", catalog_id, changes)
        if changes:
            await tell_changed(self.notices)
        return _view(row)

    async def toggle(self, ask: CatalogToggle, by: Actor) -> Toggled:
        """Switch many."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            checked, skipped, changed = await toggle_catalogs(
                session, ask.catalog_ids, ask.except_models, ask.enable, now
            )
            for catalog_id in changed:
                change = {"active": [not ask.enable, ask.enable]}
                note_change(session, by, now, "catalog.update", catalog_id, change)
        if changed:
            await tell_changed(self.notices)
        return Toggled(updated_count=len(changed), skipped_count=skipped, total_checked=checked)


def _take(row: CatalogRow, patch: CatalogPatch) -> dict[str, Any]:  # fields, by their names
    changes: dict[str, Any] = {}
    given = patch.model_dump()
    for name in patch.model_fields_set & type(patch).model_fields.keys():
        value = EMPTY.get(name) if given[name] is None else given[name]
        column = "is_active" if name == "active" else name
        if (value is None and name in NEVER_NULL) or getattr(row, column) == value:
            continue
        changes[name] = [getattr(row, column), value]
        setattr(row, column, value)
    row.edited = sorted({*row.edited, *changes})
    return changes


def _view(row: CatalogRow) -> Catalog:
    fields = row.model_dump(exclude={"catalog_id", "is_active", "synced_at", "edited"})
    return Catalog(id=row.catalog_id, active=row.is_active, last_synced_at=row.synced_at, **fields)
