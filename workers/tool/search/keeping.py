"""What was found before, as results with a time."""

from datetime import datetime, timedelta
from typing import Protocol

from pydantic import AwareDatetime, ValidationError

from contracts.base import Message
from contracts.tools.search import SearchResult


class Cache(Protocol):
    """Bytes by tenant and question, as `infra.search_cache` keeps them."""

    async def get(self, tenant: str, asked: str) -> bytes | None:
        """What is kept. Raises CacheDown."""

    async def put(self, tenant: str, asked: str, answer: bytes, seconds: float) -> bool:
        """Keep it so long; whether it was kept."""


class Kept(Message):
    """A result, and when it was found."""

    found_at: AwareDatetime
    result: SearchResult


class Keeper:
    """Keeps results so long, and gives them while they are young enough."""

    def __init__(self, cache: Cache, *, fresh: float, offline: float) -> None:
        """`fresh`, `offline`: seconds up to which one is given again, and where no engine may be asked."""
        self._cache = cache
        self._fresh = fresh
        self._offline = offline

    async def get(self, tenant: str, question: str, now: datetime, *, offline: bool) -> SearchResult | None:
        """The result of before; None where there is none, or it is too old. Raises CacheDown."""
        most = self._offline if offline else self._fresh
        if not most or (kept := _read(await self._cache.get(tenant, question))) is None:
            return None
        return kept.result if now - kept.found_at <= timedelta(seconds=most) else None

    async def put(self, tenant: str, question: str, now: datetime, result: SearchResult) -> None:
        """Keep it, if it holds something and nothing of it is missing."""
        if not result.results or "incomplete" in result.metadata:
            return
        kept = Kept(found_at=now, result=result).model_dump_json().encode()
        await self._cache.put(tenant, question, kept, max(self._fresh, self._offline))


def _read(kept: bytes | None) -> Kept | None:
    """None, too, for what an older release kept in another shape."""
    try:
        return Kept.model_validate_json(kept) if kept is not None else None
    except ValidationError:
        return None
