"""What is too old goes: media whose time is over, uploads that never came, objects that nobody names.

Every step may be done twice, or by two workers at once: rows are removed under their tenant's lock, and an
object that is gone is as good as deleted. What fails is left for the next round.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from infra.database import Database
from infra.objects import ObjectEntry
from infra.settings import MediaSettings
from infra.store.media import expired_media, forget_garbage, garbage, known_keys, remove_media

BATCH = 500
"""Rows or objects of one step."""
MOST_BATCHES = 200
"""Steps of one kind in a round: the rest is the next round's."""
MEDIA_FOLDER = "media/"
CLAIMS_FOLDER = "claim-check/"
CLAIM_LIFE = timedelta(days=31)
"""Bodies belong to jobs, whose dead letters may be redriven for 30 days."""


class Objects(Protocol):
    """The store, as the sweeper uses it."""

    async def keys(self, prefix: str, after: str = "", most: int = 1_000) -> list[ObjectEntry]:
        """Objects below a prefix, in the order of their keys, behind one of these. Raises ApiError."""

    async def delete_all(self, keys: Sequence[str]) -> list[str]:
        """Delete many objects; the keys of those that could not be deleted. Raises ApiError."""


@dataclass(frozen=True)
class Swept:
    """What one round removed."""

    media: int = 0
    """Rows whose time was over."""
    objects: int = 0
    """Objects that were known to be garbage."""
    orphans: int = 0
    """Objects that nobody named."""
    claims: int = 0
    """Bodies whose jobs ended long ago."""


class Sweeper:
    """Sweeps one bucket."""

    def __init__(self, database: Database, objects: Objects, settings: MediaSettings) -> None:
        self._database = database
        self._objects = objects
        self._settings = settings

    async def sweep(self, *, looks_everywhere: bool) -> Swept:
        """One round. `looks_everywhere` lists the store, too, for what no row tells of. Raises ApiError."""
        media, objects = await self._expire(), await self._take_out()
        if not looks_everywhere:
            return Swept(media, objects)
        now = datetime.now(UTC)
        orphans = await self._orphans(now - timedelta(seconds=self._settings.orphan_seconds))
        return Swept(media, objects, orphans, await self._claims(now - CLAIM_LIFE))

    async def _expire(self) -> int:
        """Remove rows whose time is over; their objects become garbage."""
        count = 0
        for _ in range(MOST_BATCHES):
            now = datetime.now(UTC)
            async with self._database.begin() as session:
                over = await expired_media(session, now, BATCH)
            for tenant, media_ids in over.items():
                async with self._database.begin() as session:
                    count += len(await remove_media(session, tenant, media_ids, now))
            if sum(map(len, over.values())) < BATCH:
                break
        return count

    async def _take_out(self) -> int:
        """Delete what is known to be garbage."""
        count = 0
        for _ in range(MOST_BATCHES):
            async with self._database.begin() as session:
                keys = await garbage(session, BATCH)
            left = set(await self._objects.delete_all(keys))
            gone = [key for key in keys if key not in left]
            async with self._database.begin() as session:
                await forget_garbage(session, gone)
            count += len(gone)
            if left or len(keys) < BATCH:
                break
        return count

    async def _orphans(self, before: datetime) -> int:
        """Delete old objects that no row names: of processes that died, of links used after a deletion."""
        count, after = 0, ""
        for _ in range(MOST_BATCHES):
            entries = await self._objects.keys(MEDIA_FOLDER, after, BATCH)
            old = [entry.key for entry in entries if entry.modified < before]
            async with self._database.begin() as session:
                known = await known_keys(session, old)
            orphans = [key for key in old if key not in known]
            count += len(orphans) - len(await self._objects.delete_all(orphans))
            if len(entries) < BATCH:
                break
            after = entries[-1].key
        return count

    async def _claims(self, before: datetime) -> int:
        """Delete bodies that their jobs left behind."""
        count, after = 0, ""
        for _ in range(MOST_BATCHES):
            entries = await self._objects.keys(CLAIMS_FOLDER, after, BATCH)
            old = [entry.key for entry in entries if entry.modified < before]
            count += len(old) - len(await self._objects.delete_all(old))
            if len(entries) < BATCH:
                break
            after = entries[-1].key
        return count
