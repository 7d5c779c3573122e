"""Revocation: written with what it revokes, and felt by every edge within a second."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from infra.database import Database
from infra.identity.known import Denials
from infra.notices import Notice, Notices
from infra.settings import IdentitySettings
from infra.store.denials import add_denials, denials

DENY, UNTIL = "deny", "until"
"""The fields of a denial's notice."""


@dataclass
class Revoking:
    """One transaction that revokes."""

    session: AsyncSession
    now: datetime
    names: dict[str, float] = field(default_factory=dict)
    """Unix seconds until which each is denied."""
    usual: float = 0.0

    def deny(self, name: str, seconds: float | None = None) -> None:
        """Refuse the credentials of this name, once the transaction is committed.

        `seconds`: the life that they may still have; by default that of an access token.
        """
        until = self.now.timestamp() + (self.usual if seconds is None else seconds)
        self.names[name] = max(until, self.names.get(name, 0.0))


class Revocations:
    """What revokes, and what keeps this process's denials like everybody's."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        settings: IdentitySettings,
        denied: Denials,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._notices = notices
        self._denied = denied
        self._clock = clock
        self._usual = max(settings.access_ttl + settings.leeway, settings.key_cache) + 60.0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Revoking]:
        """A unit of work that may deny. Raises DatabaseUnavailable, with nothing revoked."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        async with self._database.begin() as session:
            work = Revoking(session, now, usual=self._usual)
            yield work
            for name, until in work.names.items():
                await add_denials(session, [name], datetime.fromtimestamp(until, UTC), now)
        for name, until in work.names.items():
            self._denied.deny(name, until, self._clock())
            await self._notices.tell({DENY: name, UNTIL: f"{until:.3f}"})

    def heed(self, notice: Notice) -> None:
        """Take over a denial that another process told."""
        if DENY in notice:
            self._denied.deny(notice[DENY], float(notice[UNTIL]), self._clock())

    async def reload(self) -> None:
        """Take over every denial that stands. Raises DatabaseUnavailable."""
        now = self._clock()
        async with self._database.begin() as session:
            rows = await denials(session, datetime.fromtimestamp(now, UTC))
        self._denied.forget(now)
        for row in rows:
            self._denied.deny(row.name, row.until.timestamp(), now)
