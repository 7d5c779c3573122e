"""Reads pages: robots.txt first, then the file, then what it says."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from contracts.errors import ApiError
from contracts.tools.scrape import SCRAPE, ScrapeArguments, ScrapeResult
from contracts.tools.spec import ToolResult, ToolSpec
from infra.confined import Confined, Confinement, Confines
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.fetching import Fetched, FetchLimits, open_fetcher
from infra.settings import ScrapeSettings
from workers.tool.core.arguments import read_arguments
from workers.tool.core.hosts import host_of, is_among
from workers.tool.ports import Call, ToolFailed
from workers.tool.scrape import reading
from workers.tool.scrape.kinds import HEAD, Kind, kind_of
from workers.tool.scrape.reading import Said, Unreadable, Wanted
from workers.tool.scrape.robots import NAME, Fetcher, Robots

AGENT = f"{NAME}/1 (+scrape)"
ACCEPT = "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.8,*/*;q=0.1"
REFUSED = "url cannot be fetched: its site's robots.txt does not allow it, or cannot be read now"
PREVIEW = 600
"""Characters."""
OUTSIDE = "url cannot be read: it is, or leads, outside domain_allow_list"
ROBOTS_SECONDS = 10.0
ROBOTS_BYTES = 2 * 1024 * 1024


class Allowing(Protocol):
    """What sites allow."""

    async def allow(self, url: str) -> bool:
        """Whether a page may be fetched. Raises ApiError."""


class Everything:
    """Nobody is asked."""

    async def allow(self, url: str) -> bool:  # noqa: ARG002  whatever it is
        """It may."""
        return True


class Scrape:
    """The tool."""

    def __init__(
        self, settings: ScrapeSettings, fetcher: Fetcher, robots: Allowing, confined: Confined
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._robots = robots
        self._confined = confined

    @property
    def spec(self) -> ToolSpec:
        """See `Tool`."""
        return SCRAPE

    @property
    def off_reason(self) -> str | None:
        """See `Tool`."""
        return None

    async def call(self, call: Call) -> ToolResult:
        """See `Tool`."""
        asked = read_arguments(ScrapeArguments, call.arguments)
        url = asked.url.strip()
        _check_host(url, asked.domain_allow_list)
        with tempfile.TemporaryDirectory(prefix="jan-scrape-") as folder:
            path = Path(folder) / "page"
            fetched = await self._fetched(url, path)
            _check_host(fetched.url, asked.domain_allow_list)
            kind = await self._kind(fetched, path)
            said = await self._said(
                Wanted(
                    path=path,
                    kind=kind,
                    charset=fetched.charset,
                    url=fetched.url,
                    has_markdown=asked.includeMarkdown,
                    max_bytes=self._settings.max_html if kind is Kind.HTML else self._settings.max_bytes,
                )
            )
        return ToolResult.of(self._result(url, fetched, said))

    async def _fetched(self, url: str, path: Path) -> Fetched:
        try:
            if not await self._robots.allow(url):
                raise ToolFailed(REFUSED)
            return await self._fetcher.fetch(url, path)
        except ApiError as error:
            raise ToolFailed(str(error)) from error

    async def _kind(self, fetched: Fetched, path: Path) -> Kind:
        kind = kind_of(fetched.content_type, await asyncio.to_thread(_head, path))
        if kind is None:
            raise ToolFailed(
                f"url cannot be read: it is {fetched.content_type or 'of no type that is known'}"
            )
        return kind

    async def _said(self, wanted: Wanted) -> Said:
        """What it says: its main text, or where that takes too much, all of it."""
        try:
            said = await self._confined.run(reading.read, wanted)
        except Confinement as error:
            if wanted.kind is not Kind.HTML:
                raise ToolFailed("url cannot be read within the limits of time and memory") from error
            said = await self._quickly(wanted)
        if isinstance(said, Unreadable):
            raise ToolFailed(f"url cannot be read: {said.why}")
        if not said.text:
            raise ToolFailed("url cannot be read: it has no text")
        return said

    async def _quickly(self, wanted: Wanted) -> Said | Unreadable:
        try:
            return await self._confined.run(reading.read, replace(wanted, is_quick=True))
        except Confinement as error:
            raise ToolFailed("url cannot be read within the limits of time and memory") from error

    def _result(self, url: str, fetched: Fetched, said: Said) -> ScrapeResult:
        most = self._settings.max_text
        text, is_short = _cut(said.text, most)
        markdown = None if said.markdown is None else _cut(said.markdown, most)[0]
        return ScrapeResult(
            source_url=url,
            final_url=fetched.url,
            content_type=fetched.content_type or "application/octet-stream",
            title=said.title,
            text=text,
            text_preview=text[:PREVIEW],
            markdown=markdown,
            metadata=said.metadata,
            is_truncated=is_short or said.is_cut,
            fetched_at=datetime.now(UTC),
        )


@asynccontextmanager
async def open_scrape(settings: ScrapeSettings) -> AsyncIterator[Scrape]:
    """The tool; its connections are closed at the end."""
    policy = AddressPolicy(settings.networks)
    limits = FetchLimits(most=settings.max_bytes, total=settings.fetch_seconds, agent=AGENT, accept=ACCEPT)
    short = FetchLimits(most=ROBOTS_BYTES, total=ROBOTS_SECONDS, agent=AGENT, accept="text/plain,*/*;q=0.1")
    confines = Confines(settings.extract_seconds, settings.extract_memory)
    confined = Confined(confines, settings.at_once, reading.__name__)
    await confined.warm()
    async with open_fetcher(policy, limits) as fetcher, open_fetcher(policy, short) as small:
        clock = asyncio.get_running_loop().time
        robots: Allowing = Robots(small, settings.robots_seconds, clock) if settings.robots else Everything()
        yield Scrape(settings, fetcher, robots, confined)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _check_host(url: str, allowed: Sequence[str]) -> None:
    """Raise ToolFailed for a page that is on no host that is allowed."""
    if allowed and not is_among(host_of(url) or "", allowed):
        raise ToolFailed(OUTSIDE)


def _cut(text: str, most: int) -> tuple[str, bool]:
    """A text of so many characters at most, which ends with a word, and whether that made it shorter."""
    if len(text) <= most:
        return text, False
    short = text[:most]
    return short[: max(short.rfind(" "), short.rfind("\n"), most // 2)].rstrip(), True
