"""What each tenant is allowed: its tier and its budgets, remembered for a while, forgotten when changed."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

from contracts.errors import ApiError
from infra.database import Database
from infra.limits.admission import BudgetField
from infra.notices import Notices
from infra.settings import LimitSettings
from infra.store.budgets import budgets_of
from infra.store.tiers import tier_of

CHANGED = "limits"
"""The field of a notice that names a tenant whose tier or budgets were changed."""
MOST = 10_000
"""Tenants that a process remembers."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one tenant is allowed."""

    tier: str
    requests: int
    """Completions a minute."""
    tokens: int
    """Tokens a minute."""
    budgets: tuple[BudgetField, ...] = ()

    def budgets_for(self, key_id: str | None) -> tuple[BudgetField, ...]:
        """Those that hold for what this key asks, or for a request without one."""
        return tuple(one for one in self.budgets if one.key_id is None or one.key_id == key_id)


class Allowances:
    """Reads them from the database."""

    def __init__(
        self, database: Database, settings: LimitSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._known: dict[str, tuple[Allowance, float]] = {}
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._changes = 0

    async def of(self, tenant: str) -> Allowance:
        """A tenant's allowance. While the database is away: the last one known, else the default tier's, or,
        where limits are closed, raises ApiError."""
        known = self._known.get(tenant)
        if known is not None and known[1] > self._clock():
            return known[0]
        async with self._reading.setdefault(tenant, asyncio.Lock()):
            known = self._known.get(tenant)
            if known is not None and known[1] > self._clock():
                return known[0]
            return await self._read_again(tenant, known)

    def heed(self, notice: Mapping[str, str]) -> None:
        """Forget a tenant that was changed."""
        if CHANGED in notice:
            self._changes += 1
            self._known.pop(notice[CHANGED], None)

    async def reload(self) -> None:
        """Believe nothing that is remembered: a change may have been missed."""
        self._changes += 1
        self._known = {tenant: (known, float("-inf")) for tenant, (known, _) in self._known.items()}

    async def _read_again(self, tenant: str, known: tuple[Allowance, float] | None) -> Allowance:
        changes = self._changes
        try:
            allowance = await self._read(tenant)
        except ApiError as error:
            log.warning("allowance_unread", extra={"tenant": tenant, "error": str(error)})
            if known is None and self._settings.without_redis == "closed":
                raise
            return known[0] if known is not None else self._allowance(None)
        if changes == self._changes:  # else it may be of before the change
            self._known.pop(tenant, None)
            while len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[tenant] = (allowance, self._clock() + self._settings.cache)
        return allowance

    async def _read(self, tenant: str) -> Allowance:
        async with self._database.begin() as session:
            tier = await tier_of(session, tenant)
            budgets = await budgets_of(session, tenant)
        fields = tuple(BudgetField(row.key_id, row.unit, row.period, row.amount) for row in budgets)
        return self._allowance(tier, fields)

    def _allowance(self, tier: str | None, budgets: tuple[BudgetField, ...] = ()) -> Allowance:
        """A tier that the configuration does not know any more is the default one."""
        settings = self._settings
        name = tier if tier in settings.tiers else settings.default_tier
        assert name is not None  # noqa: S101  the default tier has a name
        return Allowance(name, settings.tiers[name], settings.token_tiers[name], budgets)


async def tell_changed(notices: Notices, tenant: str) -> None:
    """Let every edge read a tenant's tier and budgets again, after the change was committed."""
    await notices.tell({CHANGED: tenant})
