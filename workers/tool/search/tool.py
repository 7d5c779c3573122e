"""google_search."""

from collections.abc import Callable
from datetime import UTC, datetime

from contracts.tools.search import GOOGLE_SEARCH, SearchArguments, SearchResult
from contracts.tools.spec import ToolResult, ToolSpec
from infra.search_cache import CacheDown
from infra.settings import SearchSettings
from workers.tool.core.arguments import read_arguments
from workers.tool.ports import Call, ToolFailed
from workers.tool.search.asking import question_of
from workers.tool.search.choosing import Engines, NobodyAnswered
from workers.tool.search.keeping import Keeper
from workers.tool.search.showing import again, result_of

OFF = (
    "Web search is not configured on this server: its operator sets JAN_SEARCH_SERPER_KEY or "
    "JAN_SEARCH_SEARXNG_URL"
)
NOTHING_KEPT = (
    "Nothing was found for exactly this search before, and offline_mode asks no engine; "
    "without offline_mode the web is searched"
)
"""A failure and not an empty result: that would say that the web holds nothing."""
CACHE_AWAY = "What was found before cannot be read now, and offline_mode asks no engine"


def _now() -> datetime:
    return datetime.now(UTC)


class GoogleSearch:
    """The tool."""

    spec: ToolSpec = GOOGLE_SEARCH

    def __init__(
        self,
        settings: SearchSettings,
        engines: Engines,
        keeper: Keeper,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._settings = settings
        self._engines = engines
        self._keeper = keeper
        self._now = now

    @property
    def off_reason(self) -> str | None:
        """That no engine is configured."""
        return None if self._engines.names else OFF

    async def call(self, call: Call) -> ToolResult:
        """Search. Raises BadArguments and ToolFailed."""
        asked = read_arguments(SearchArguments, call.arguments)
        if self.off_reason is not None:
            raise ToolFailed(self.off_reason)
        kept = await self._kept(call.tenant, asked)
        if kept is not None:
            return ToolResult.of(again(kept))
        if asked.offline_mode:
            raise ToolFailed(NOTHING_KEPT)
        return ToolResult.of(await self._found(call, asked))

    async def _kept(self, tenant: str, asked: SearchArguments) -> SearchResult | None:
        offline = asked.offline_mode
        try:
            return await self._keeper.get(tenant, question_of(asked), self._now(), offline=offline)
        except CacheDown as error:
            if offline:
                raise ToolFailed(CACHE_AWAY) from error
            return None

    async def _found(self, call: Call, asked: SearchArguments) -> SearchResult:
        try:
            answered = await self._engines.search(asked, call.deadline)
        except NobodyAnswered as error:
            raise ToolFailed(f"No search engine answered ({error})") from error
        now, settings = self._now(), self._settings
        result = result_of(asked, answered, now, max_snippet=settings.max_snippet, max_raw=settings.max_raw)
        await self._keeper.put(call.tenant, question_of(asked), now, result)
        return result
