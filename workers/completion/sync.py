"""Tells the platform which models this worker's provider offers, at start and then now and again."""

import asyncio
import logging
from datetime import UTC, datetime

from contracts.errors import ApiError
from infra.database import Database
from infra.store.models import replace_models
from workers.completion.core import Provider

SYNC_SECONDS = 60.0
RETRY_SECONDS = 2.0

log = logging.getLogger(__name__)


async def keep_models_known(provider: Provider, name: str, database: Database) -> None:
    """Until cancelled: write what the provider offers."""
    while True:
        try:
            models = await provider.models()
            async with database.begin() as session:
                await replace_models(session, name, models, datetime.now(UTC))
        except ApiError as error:
            log.warning("models_not_synced", extra={"provider": name, "error": str(error)})
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await asyncio.sleep(SYNC_SECONDS)
