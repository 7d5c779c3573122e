"""Calls of tools, as admins see them."""

from dataclasses import dataclass

from api_edge.middleware.paging import PageAsk, page_of
from contracts.wire.admin_tools import AdminCall
from contracts.wire.lists import Page
from infra.database import Database
from infra.store.tool_calls import CallFilter, calls_page


@dataclass(frozen=True)
class AdminToolCalls:
    """The records of all tenants."""

    database: Database

    async def page(self, wanted: CallFilter, ask: PageAsk) -> Page[AdminCall]:
        """A part of those that fit. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await calls_page(
                session, wanted, limit=ask.limit, after=ask.after, order=ask.order
            )
        calls = [AdminCall(id=row.job_id, **row.model_dump(exclude={"job_id"})) for row in rows]
        return page_of(calls, has_more, lambda call: call.id)
