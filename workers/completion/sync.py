"""Tells the platform which models this worker's provider offers, at start and then now and again."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.errors import ApiError
from contracts.wire.models import Model
from infra.database import Database
from infra.store.models import replace_models
from workers.completion.core import Provider

SYNC_SECONDS = 60.0
RETRY_SECONDS = 2.0

log = logging.getLogger(__name__)


async def keep_models_known(
    provider: Provider, name: str, configured: Sequence[str], database: Database
) -> None:
    """Until cancelled: write the provider's own list, or the configured one where that is given."""
    while True:
        try:
            models = _configured(name, configured) if configured else await provider.models()
            async with database.begin() as session:
                await replace_models(session, name, models, datetime.now(UTC))
        except ApiError as error:
            log.warning("models_not_synced", extra={"provider": name, "error": str(error)})
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await asyncio.sleep(SYNC_SECONDS)


def _configured(name: str, ids: Sequence[str]) -> list[Model]:
    return [Model(id=one, created=int(time.time()), owned_by=name) for one in ids]
