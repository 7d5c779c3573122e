"""Pages of one engine, until there are as many results as were asked for."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field

from contracts.tools.search import SearchArguments
from workers.tool.core.hosts import is_among
from workers.tool.search.engine import EngineFailed, Found, JsonObject, Page

MORE_PAGES = 2
"""That are read where results were of other hosts than allowed; the next page of ours may repeat them."""


@dataclass
class Gathered:
    """What one engine found."""

    found: list[Found] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    """Those of the engine that were read."""
    elsewhere: int = 0
    """Results that were left out: not of the allowed hosts."""
    skipped: int = 0
    """And those without an address of the web."""
    cut_short: str | None = None
    """Why a further page is missing."""
    tells: JsonObject = field(default_factory=dict)
    """What the engine told beside its first page."""
    raw: JsonObject = field(default_factory=dict)
    """Its answer to the first."""
    _seen: set[str] = field(default_factory=set)

    def take(self, number: int, page: Page, asked: SearchArguments) -> bool:
        """Add what is new; whether something was."""
        if not self.pages:
            self.tells, self.raw = page.tells, page.raw
        self.pages.append(number)
        self.skipped += page.skipped
        new = self._new(page.found)
        allowed = [one for one in new if is_among(one.host, asked.domain_allow_list)]
        self.elsewhere += len(new) - len(allowed)
        self.found += allowed
        return bool(new)

    def _new(self, found: Iterable[Found]) -> list[Found]:
        new: dict[str, Found] = {}
        for one in found:
            if one.url not in self._seen:
                new.setdefault(one.url, one)
        self._seen.update(new)
        return list(new.values())


async def gather(asked: SearchArguments, pages: range, read: Callable[[int], Awaitable[Page]]) -> Gathered:
    """Read pages of an engine. Raises EngineFailed where the first one fails; a later one is told."""
    gathered = Gathered()
    for number in _numbers(pages, gathered):
        try:
            page = await read(number)
        except EngineFailed as failure:
            if not gathered.pages:
                raise
            gathered.cut_short = failure.reason
            break
        if not gathered.take(number, page, asked) or len(gathered.found) >= asked.num:
            break
    del gathered.found[asked.num :]
    return gathered


def _numbers(pages: range, gathered: Gathered) -> Iterator[int]:
    yield from pages
    for number in range(pages.stop, pages.stop + MORE_PAGES):
        if gathered.elsewhere:
            yield number
