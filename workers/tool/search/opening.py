"""The tool, on the engines that are configured."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from infra.relay.redis import Connections
from infra.search_cache import SearchCache
from infra.settings import SearchSettings
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.runtime.breaker import Breaker, BreakerRule
from workers.tool.search.choosing import Engines
from workers.tool.search.engine import Engine
from workers.tool.search.keeping import Keeper
from workers.tool.search.searxng import SearXNG
from workers.tool.search.serper import Serper
from workers.tool.search.tool import GoogleSearch
from workers.tool.search.trying import Tries, TryRule

CONNECTIONS = 64
"""To engines, at once; further requests wait within their time."""
CONNECT_SECONDS = 5.0
AGENT = "jan-server"


@asynccontextmanager
async def open_search(
    settings: SearchSettings, redis: Connections, metrics: WorkerMetrics | None = None
) -> AsyncIterator[GoogleSearch]:
    """The tool; its connections are closed at the end. Engines' addresses are the operator's own, so private
    ones are taken; they are never told."""
    clock = asyncio.get_running_loop().time
    rule = TryRule(settings.retries, clock)
    pausing = BreakerRule(settings.breaker_failures, settings.breaker_pause)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={"User-Agent": AGENT},
    ) as session:
        ways = [Tries(engine, Breaker(pausing), rule, metrics) for engine in engines_of(settings, session)]
        keeper = Keeper(SearchCache(redis), fresh=settings.cache_seconds, offline=settings.offline_seconds)
        yield GoogleSearch(settings, Engines(ways, settings.timeout, clock), keeper)


def engines_of(settings: SearchSettings, session: aiohttp.ClientSession) -> list[Engine]:
    """Those that are named and configured, in their order, each once."""
    configured: dict[str, Engine] = {}
    if settings.serper_key is not None and settings.serper_key.get_secret_value():
        serper = Serper(session, settings.serper_url, settings.serper_key, settings.max_answer)
        configured[serper.name] = serper
    if settings.searxng_url:
        searxng = SearXNG(session, settings.searxng_url, settings.max_answer)
        configured[searxng.name] = searxng
    return [configured[name] for name in dict.fromkeys(settings.engines) if name in configured]
