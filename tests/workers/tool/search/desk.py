"""Who searches in the tests: calls the tool, and sees what it waited for, logged, counted and kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from contracts.tools.search import SearchResult
from infra.search_cache import CacheDown
from infra.settings import SearchSettings
from infra.telemetry.worker_metrics import WorkerMetrics
from tests.engines.server import Engines
from workers.runtime.breaker import Breaker, BreakerRule
from workers.tool.ports import Call, ToolFailed
from workers.tool.search.choosing import Engines as Choice
from workers.tool.search.keeping import Keeper
from workers.tool.search.opening import engines_of
from workers.tool.search.tool import GoogleSearch
from workers.tool.search.trying import Tries, TryRule

KEY = "serper-key-7f3a9c"
SECONDS = 20.0


class Cache:
    """What is kept, in memory; `is_away` as Redis may be."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}
        self.seconds: list[float] = []
        self.is_away = False

    async def get(self, tenant: str, asked: str) -> bytes | None:
        if self.is_away:
            raise CacheDown("away")
        return self.kept.get((tenant, asked))

    async def put(self, tenant: str, asked: str, answer: bytes, seconds: float) -> bool:
        if not self.is_away:
            self.kept[tenant, asked] = answer
            self.seconds.append(seconds)
        return not self.is_away


@dataclass
class Time:
    """The clock of breakers and waits: a wait moves it on at once; real time counts, too."""

    moved: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return asyncio.get_running_loop().time() + self.moved

    def today(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.moved)

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moved += seconds


@dataclass
class Desk:
    """The tool, and what is around it."""

    tool: GoogleSearch
    cache: Cache
    time: Time
    registry: CollectorRegistry

    async def search(self, *, tenant: str = "t1", seconds: float = 60.0, **arguments: Any) -> SearchResult:
        """The result of a call with these arguments (which may be any JSON)."""
        call = Call("job_1", tenant, "usr_1", {"q": "cats", **arguments}, self.time.now() + seconds)
        result = await self.tool.call(call)
        assert not result.is_error
        assert result.structured is not None
        return SearchResult.model_validate(result.structured)

    async def failure(self, *, seconds: float = 60.0, **arguments: Any) -> str:
        """Why a call with these arguments (which may be any JSON) failed."""
        try:
            await self.search(seconds=seconds, **arguments)
        except ToolFailed as error:
            return str(error)
        raise AssertionError("it did not fail")

    def counted(self, engine: str, outcome: str) -> float:
        """Requests to an engine that ended so."""
        labels = {"engine": engine, "outcome": outcome}
        return self.registry.get_sample_value("jan_search_engine_calls_total", labels) or 0.0

    def breaker(self, engine: str) -> float | None:
        """0 closed, 1 half open, 2 open."""
        return self.registry.get_sample_value("jan_search_engine_breaker", {"engine": engine})


def settings_for(engines: Engines, /, **given: Any) -> SearchSettings:
    """Both engines, unless something else is given (any setting)."""
    usual = {
        "serper_key": SecretStr(KEY),
        "serper_url": engines.serper_url,
        "searxng_url": engines.searxng_url,
        "timeout": SECONDS,
    }
    return SearchSettings(**{**usual, **given})


@asynccontextmanager
async def open_desk(engines: Engines, /, **given: Any) -> AsyncIterator[Desk]:
    """The tool with settings of one's own (any of them)."""
    settings = settings_for(engines, **given)
    time, cache, registry = Time(), Cache(), CollectorRegistry()
    metrics = WorkerMetrics(registry)
    rule = TryRule(settings.retries, time.now, time.pause, lambda: 1.0)
    breakers = BreakerRule(settings.breaker_failures, settings.breaker_pause)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        ways = [Tries(one, Breaker(breakers), rule, metrics) for one in engines_of(settings, session)]
        keeper = Keeper(cache, fresh=settings.cache_seconds, offline=settings.offline_seconds)
        choice = Choice(ways, settings.timeout, time.now)
        yield Desk(GoogleSearch(settings, choice, keeper, time.today), cache, time, registry)
