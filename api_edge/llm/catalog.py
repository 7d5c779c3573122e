"""The models on offer, as this process knows them: read now and then, so that no request waits for it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.wire.models import Model
from infra.database import Database, DatabaseUnavailable
from infra.store.models import ModelRow, offered_models

REFRESH_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 1.0
"""An unknown model makes the catalog look again, at most this often."""

log = logging.getLogger(__name__)


class Catalog:
    """The models on offer, as last read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._models: dict[str, Model] = {}
        self._names: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def models(self) -> list[Model]:
        """All of them, in order of id."""
        if not self._models:
            await self._look_again()
        return list(self._models.values())

    async def find(self, name: str) -> Model | None:
        """A model by its short id or by its provider's name, a slash and its id."""
        if not await self.knows(name):
            return None
        return self._models.get(name) or self._models.get(name.partition("/")[2])

    async def knows(self, model: str) -> bool:
        """Whether a model is on offer. Nothing is ruled out before any provider told its models."""
        if model in self._names:
            return True
        await self._look_again()
        return model in self._names or not self._names

    async def refresh(self) -> None:
        """Read the models now. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            rows = await offered_models(session)
        self._models = {row.model_id: _model(row) for row in rows}
        self._names = frozenset(self._models) | {f"{row.provider}/{row.model_id}" for row in rows}
        self._read_at = asyncio.get_running_loop().time()

    async def keep_fresh(self) -> None:
        """Until cancelled."""
        while True:
            await self._try_refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _look_again(self) -> None:
        async with self._reading:
            if asyncio.get_running_loop().time() - self._read_at >= LOOK_AGAIN_SECONDS:
                await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except DatabaseUnavailable as error:
            log.warning("models_unreadable", extra={"error": str(error)})


@asynccontextmanager
async def open_catalog(database: Database) -> AsyncIterator[Catalog]:
    """A catalog that is kept fresh for as long as it is open."""
    catalog = Catalog(database)
    async with asyncio.TaskGroup() as tasks:
        keeper = tasks.create_task(catalog.keep_fresh())
        try:
            yield catalog
        finally:
            keeper.cancel()


def _model(row: ModelRow) -> Model:
    return Model(id=row.model_id, created=row.created, owned_by=row.owned_by)
