"""Posts to addresses that users gave: once, to no private network, and without listening to the answer.

No redirect is followed: it is an answer like any other. Of an answer only the head is read: it can neither
fill us up nor tell anybody what stands behind an address. Nothing of ours goes along but what is posted.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult

import aiohttp
from yarl import URL

from contracts.errors import ApiError
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.connecting import RefusedPort, checked_connector
from infra.outgoing.reasons import reason_of, refusal_in
from infra.outgoing.urls import checked_url, refused

PORTS = frozenset({80, 443, 8080, 8443})
"""Of public servers; those of an operator's own networks may have any."""
USUAL = {"http": 80, "https": 443}
MOST_RETRY_AFTER = 86_400.0
MOST_LINE = 4_096
"""Bytes of one header of an answer."""


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    retry_after: float | None = None
    """Seconds, as it asked for, at most a day."""


class NotPosted(Exception):
    """There was no answer; the message says why, without an address."""


@dataclass(frozen=True)
class PostTargets:
    """Where may be posted to."""

    policy: AddressPolicy
    schemes: Collection[str] = frozenset(USUAL)

    def check(self, url: str, *, param: str) -> SplitResult:
        """The parts of a URL that may be posted to, before its name is resolved. Raises ApiError, which names
        the parameter."""
        parts = checked_url(url, self.policy, param=param)
        if parts.scheme not in self.schemes:
            begins = " or ".join(f"{scheme}://" for scheme in sorted(self.schemes))
            raise refused(f"it must begin with {begins}", param)
        port = parts.port or USUAL[parts.scheme]
        if port not in PORTS and not self.policy.may_have_own(parts.hostname or ""):
            raise refused(str(RefusedPort(PORTS)), param)
        return parts


class Poster:
    """Posts to such targets. Opened by `open_poster`."""

    def __init__(self, session: aiohttp.ClientSession, targets: PostTargets, seconds: float) -> None:
        self._session = session
        self._targets = targets
        self._seconds = seconds

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Post once. Raises NotPosted: the address is refused, or its server did not answer in time."""
        try:
            self._targets.check(url, param="url")
            exact = URL(url, encoded=url.isascii())
        except (ApiError, ValueError) as error:
            raise NotPosted(str(error)) from error
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session.post(exact, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                answer.close()
                return Answered(answer.status, _retry_after(answer.headers.get("Retry-After", "")))
        except (aiohttp.ClientError, OSError) as error:
            if (refusal := refusal_in(error)) is not None:
                raise NotPosted(str(refusal)) from error
            raise NotPosted(reason_of(error, self._seconds, self._seconds)) from error


@asynccontextmanager
async def open_poster(targets: PostTargets, *, seconds: float, agent: str) -> AsyncIterator[Poster]:
    """A poster whose posts take so many seconds at most. It trusts whom this machine trusts."""
    async with aiohttp.ClientSession(
        connector=checked_connector(
            targets.policy,
            ports=PORTS,
            ssl=await asyncio.to_thread(ssl.create_default_context),
            force_close=True,
            limit=0,  # whoever posts bounds it
        ),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": agent},
        max_line_size=MOST_LINE,
        max_field_size=MOST_LINE,
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    ) as session:
        yield Poster(session, targets, seconds)


def _retry_after(header: str) -> float | None:
    """Its form in seconds; a date is not read."""
    text = header.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= len("31536000")):
        return None
    return min(float(text), MOST_RETRY_AFTER)
