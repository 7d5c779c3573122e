"""What sites allow to programs: robots.txt, RFC 9309."""

import asyncio
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from protego import Protego

from contracts.errors import ApiError, ErrorCode
from infra.outgoing.fetching import BadStatus, Fetched

NAME = "JanServer"
"""Whom a robots.txt may name."""
MOST = 1_000
"""Sites that are remembered."""
MOST_READ = 500 * 1024
"""Bytes that are read of one (section 2.5)."""
UNAVAILABLE = range(400, 500)
"""There is none: everything is allowed (section 2.3.1.3)."""

Rules = Protego | bool
"""Of a site; True: everything is allowed, False: nothing."""


class Fetcher(Protocol):
    """Gets files of others."""

    async def fetch(self, url: str, into: Path) -> Fetched:
        """Write a remote file. Raises ApiError."""


class Robots:
    """The rules of sites, each asked for once in a while."""

    def __init__(self, fetcher: Fetcher, seconds: float, clock: Callable[[], float]) -> None:
        """A site's rules are remembered for so many seconds."""
        self._fetcher = fetcher
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Rules]] = OrderedDict()

    async def allow(self, url: str) -> bool:
        """Whether a page may be fetched. Raises ApiError where its site is refused, or is not reached."""
        rules = await self._rules(_where(url))
        return rules if isinstance(rules, bool) else bool(rules.can_fetch(url, NAME))

    async def _rules(self, where: str) -> Rules:
        known = self._known.get(where)
        if known is not None and known[0] > self._clock():
            self._known.move_to_end(where)
            return known[1]
        rules = await self._asked(where)
        self._known[where] = (self._clock() + self._seconds, rules)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return rules

    async def _asked(self, where: str) -> Rules:
        with tempfile.TemporaryDirectory(prefix="jan-robots-") as folder:
            path = Path(folder) / "robots.txt"
            try:
                await self._fetcher.fetch(where, path)
            except BadStatus as error:
                return error.status in UNAVAILABLE
            except ApiError as error:
                if error.detail.code == ErrorCode.BODY_TOO_LARGE:
                    return True
                raise  # not reached: nothing is allowed, for the reason that it tells
            text = await asyncio.to_thread(_head, path)
        return Protego.parse(text)


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MOST_READ).decode("utf-8", "replace")


def _where(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
