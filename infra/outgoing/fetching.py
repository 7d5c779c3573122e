"""Gets remote files for users, without being led into a private network, held up, or filled up.

Each hop of a redirect is a request of its own, checked like the first; names are resolved once, for the
connection that they are checked for (`connecting`); what is compressed is inflated here, up to the limit.
Nothing of ours goes along: no cookies, no credentials, no proxy, no referrer.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urljoin

import aiohttp
from yarl import URL

from contracts.errors import ApiError, ErrorCode
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.connecting import RefusedPort, checked_connector
from infra.outgoing.inflating import ENCODINGS, Inflater
from infra.outgoing.naming import name_of
from infra.outgoing.reasons import reason_of, refusal_in
from infra.outgoing.saving import NotSaved, Saving, saving
from infra.outgoing.urls import checked_url, refused
from infra.settings import KIB

REDIRECTS = frozenset({301, 302, 303, 307, 308})
WEB_PORTS = frozenset({80, 443})
USUAL = {"http": 80, "https": 443}
AGENT = "JanServer/1 (+media)"
FOUND = 200
PIECE = 64 * KIB
CONNECTIONS = 64
_MIME = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)


@dataclass(frozen=True)
class FetchLimits:
    """What one file may take, and what it may be."""

    most: int
    """Bytes, as they are sent and inflated."""
    total: float = 15.0
    """Seconds, redirects included."""
    connect: float = 3.0
    silence: float = 5.0
    """Seconds without a byte."""
    redirects: int = 5
    ports: frozenset[int] = WEB_PORTS
    """Of public servers; those of an operator's own networks may have any."""
    agent: str = AGENT
    """Who we say that we are."""
    accept: str = "*/*"
    types: frozenset[str] | None = None
    """Content types that are taken, in small letters; None: any, and none."""


@dataclass(frozen=True)
class Fetched:
    """A file that came."""

    url: str
    """Where it came from in the end."""
    content_type: str | None
    """As its server says, in small letters and without parameters; None for what is no content type."""
    filename: str | None
    """As its server or its URL says, made safe."""
    charset: str | None
    """In which its text is written, as its server says."""
    size: int
    """In bytes."""


class BadStatus(ApiError):
    """The other server has not what was asked for."""

    def __init__(self, status: int, param: str) -> None:
        super().__init__(
            ErrorCode.INVALID_VALUE, f"{param} cannot be fetched: it answered {status}", param=param
        )
        self.status = status


class Fetcher:
    """Fetches by one policy and within one set of limits."""

    def __init__(
        self, session: aiohttp.ClientSession, policy: AddressPolicy, limits: FetchLimits, param: str
    ) -> None:
        self._session = session
        self._policy = policy
        self._limits = limits
        self._param = param

    async def fetch(self, url: str, into: Path) -> Fetched:
        """Write a remote file to a path; where that fails, nothing of it is left there. Raises ApiError:

        address_refused (400): where it may not be fetched from, before anything is sent there;
        body_too_large (413); invalid_value (400): what is wrong with the other server or its answer.
        Raises NotSaved when this machine's disk fails.
        """
        try:
            async with asyncio.timeout(self._limits.total):
                return await self._follow(url, into)
        except NotSaved:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise self._told(error) from error

    async def _follow(self, url: str, into: Path) -> Fetched:
        parts = self._checked(url)
        for _ in range(self._limits.redirects + 1):
            async with self._session.get(self._exact(url), allow_redirects=False) as answer:
                target = answer.headers.get("Location")
                if answer.status not in REDIRECTS or target is None:
                    return await self._take(answer, url, parts.path, into)
            was_secure = parts.scheme == "https"
            url = self._joined(url, target)
            parts = self._checked(url)
            if was_secure and parts.scheme != "https":
                raise refused("it leads from https to http", self._param)
        raise self._failed("it redirects too often")

    def _checked(self, url: str) -> SplitResult:
        parts = checked_url(url, self._policy, param=self._param)
        port = parts.port or USUAL[parts.scheme]
        if port not in self._limits.ports and not self._policy.may_have_own(parts.hostname or ""):
            raise refused(str(RefusedPort(self._limits.ports)), self._param)
        return parts

    def _exact(self, url: str) -> URL:
        """As it was given: a signature in it may hold for these very characters."""
        try:
            return URL(url, encoded=url.isascii())
        except ValueError as error:
            raise refused("it is no URL", self._param) from error

    def _joined(self, url: str, target: str) -> str:
        try:
            return urljoin(url, target.partition("#")[0])
        except ValueError as error:
            raise refused("it leads to what is no URL", self._param) from error

    async def _take(self, answer: aiohttp.ClientResponse, url: str, path: str, into: Path) -> Fetched:
        if answer.status != FOUND:  # the only one that brings a whole file
            raise BadStatus(answer.status, self._param)
        content_type = _mime(answer.headers.get("Content-Type", ""))
        if self._limits.types is not None and content_type not in self._limits.types:
            raise self._failed("its content type is not taken here")
        if (answer.content_length or 0) > self._limits.most:
            raise self._too_large()
        inflater = self._inflater(answer.headers.get("Content-Encoding", ""))
        async with saving(into) as file:
            await self._write(answer, inflater, file)
        name = name_of(answer.headers.get("Content-Disposition"), path)
        return Fetched(url, content_type, name, answer.charset, file.size)

    async def _write(self, answer: aiohttp.ClientResponse, inflater: Inflater | None, file: Saving) -> None:
        most, sent = self._limits.most, 0
        async for piece in answer.content.iter_chunked(PIECE):
            sent += len(piece)
            if sent > most:
                raise self._too_large()
            await file.write(inflater.take(piece, most + 1 - file.size) if inflater else piece)
            if file.size > most:
                raise self._too_large()
        if inflater and not inflater.is_whole:
            raise aiohttp.ClientPayloadError("cut")

    def _inflater(self, header: str) -> Inflater | None:
        encoding = header.strip().lower()
        if encoding in {"", "identity"}:
            return None
        if encoding not in ENCODINGS:
            raise self._failed("its body is compressed in a way that was not asked for")
        return Inflater(encoding)

    def _told(self, error: Exception) -> ApiError:
        if (refusal := refusal_in(error)) is not None:
            return refused(str(refusal), self._param)
        return self._failed(reason_of(error, self._limits.total, self._limits.silence))

    def _too_large(self) -> ApiError:
        message = f"{self._param} cannot be fetched: it has more than {self._limits.most:,} bytes"
        return ApiError(ErrorCode.BODY_TOO_LARGE, message, param=self._param)

    def _failed(self, why: str) -> ApiError:
        message = f"{self._param} cannot be fetched: {why}"
        return ApiError(ErrorCode.INVALID_VALUE, message, param=self._param)


@asynccontextmanager
async def open_fetcher(
    policy: AddressPolicy, limits: FetchLimits, *, param: str = "url"
) -> AsyncIterator[Fetcher]:
    """A fetcher whose errors name this parameter. It trusts whom this machine trusts (SSL_CERT_FILE)."""
    async with aiohttp.ClientSession(
        connector=checked_connector(
            policy,
            ports=limits.ports,
            ssl=await asyncio.to_thread(ssl.create_default_context),
            force_close=True,
            limit=CONNECTIONS,
        ),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(sock_connect=limits.connect, sock_read=limits.silence),
        headers={
            "User-Agent": limits.agent,
            "Accept": limits.accept,
            "Accept-Encoding": "gzip, deflate",
        },
    ) as session:
        yield Fetcher(session, policy, limits, param)


def _mime(header: str) -> str | None:
    told = header.partition(";")[0].strip().lower()
    return told if _MIME.fullmatch(told) else None
