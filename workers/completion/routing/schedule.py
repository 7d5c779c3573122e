"""Reads the providers' lists of models on a schedule, each time by one of all workers, and when told."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from contracts.errors import ApiError
from contracts.wire.models import Model
from infra.database import Database
from infra.notices import Notice, Notices, followed
from infra.registry.naming import catalog_id_of
from infra.registry.offers import Endpoint, Provider
from infra.registry.reading import CHANGED, provider_of, tell_changed
from infra.sealing import SealBroken
from infra.settings import ProviderSettings
from infra.store.provider_models import Listed
from infra.store.providers import ProviderRow
from infra.store.syncing import claim_due, next_due, not_synced, synced
from workers.completion.core import ListedModel
from workers.completion.routing.directory import Directory
from workers.runtime.rounds import Rounds, kept_up

LEASE = timedelta(seconds=60)
"""What one reading may take, before another worker tries."""

log = logging.getLogger(__name__)


class Schedule:
    """The schedule, as this worker keeps it."""

    def __init__(
        self, directory: Directory, database: Database, notices: Notices, settings: ProviderSettings
    ) -> None:
        self._directory = directory
        self._database = database
        self._notices = notices
        self._settings = settings
        self._rounds = Rounds("models_not_synced", self.read_next, self._next_due)

    def heed(self, notice: Notice) -> None:
        """Something may be due."""
        if CHANGED in notice:
            self._rounds.wake()

    async def look(self) -> None:
        """The same, for all that was missed."""
        self._rounds.wake()

    async def keep(self) -> None:
        """Until cancelled: read every list that is due."""
        await self._rounds.keep()

    async def read_next(self) -> bool:
        """Read one list that is due; whether there was one. Raises DatabaseUnavailable."""
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            row = await claim_due(session, now, LEASE)
        if row is None:
            return False
        try:
            listed = await self._listed(row)
        except (ApiError, SealBroken) as error:
            log.warning("models_not_synced", extra={"provider": row.name, "error": str(error)})
            async with self._database.begin() as session:
                await not_synced(session, row, str(error), now, self._interval())
            return True
        async with self._database.begin() as session:
            has_changed = await synced(session, row, listed, now, now + self._interval())
        if has_changed:
            await tell_changed(self._notices)
        return True

    async def _listed(self, row: ProviderRow) -> Sequence[Listed]:
        """What the first of its endpoints lists that answers. Raises ApiError or SealBroken."""
        provider = provider_of(row)
        failure: ApiError | None = None
        for endpoint in provider.endpoints:
            try:
                models = await self._models(provider, endpoint)
            except ApiError as error:
                failure = error
            else:
                return [_listed(model, provider) for model in models]
        if failure is not None:
            raise failure
        return []

    async def _models(self, provider: Provider, endpoint: Endpoint) -> Sequence[Model]:
        async with self._directory.contact(provider, endpoint).held() as client:
            return await client.models()

    async def _next_due(self) -> datetime | None:
        async with self._database.begin() as session:
            return await next_due(session)

    def _interval(self) -> timedelta:
        return timedelta(seconds=self._settings.sync_interval)


@asynccontextmanager
async def kept(schedule: Schedule, notices: Notices) -> AsyncIterator[None]:
    """Keep the schedule while the block runs."""
    async with followed(notices, schedule.heed, schedule.look), kept_up(schedule.keep):
        yield


def _listed(model: Model, provider: Provider) -> Listed:
    told = model if isinstance(model, ListedModel) else ListedModel(**model.model_dump())
    return Listed(
        original_id=told.id,
        catalog_id=catalog_id_of(told.id, provider.vendor),
        owned_by=told.owned_by,
        created=told.created,
        display_name=told.display_name,
        context_length=told.context_length,
        max_completion_tokens=told.max_completion_tokens,
        input_price=told.input_price,
        output_price=told.output_price,
        supports=told.supports,
    )
