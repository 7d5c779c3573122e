"""Limits of those who have no name yet, by their address: guest logins, what is open to everybody, and
credentials that are refused."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from api_edge.middleware.address import address_key
from contracts.errors import ApiError, ErrorCode
from infra.limits.buckets import Taken
from infra.limits.errors import LimitsDown

LOGIN = "/auth/guest-login"
PUBLIC = "/v1/public/"
MINUTE = 60.0
REFUSED = frozenset({ErrorCode.INVALID_TOKEN, ErrorCode.INVALID_API_KEY})
MOST_BLOCKED = 10_000

Take = Callable[[str, int], Awaitable[Taken]]


class AddressBuckets(Protocol):
    """Buckets by name."""

    async def take(self, name: str, *, capacity: int, seconds: float, cost: int = 1) -> Taken:
        """Take from one. Raises LimitsDown."""


@dataclass(frozen=True)
class AddressShares:
    """What one address may have in a minute; 0 for no limit."""

    logins: int = 0
    reads: int = 0
    """Of what is open to everybody."""
    failures: int = 0
    """Refused credentials."""


class AddressLimits:
    """Stands before the door, and counts what it refuses."""

    def __init__(
        self,
        app: ASGIApp,
        buckets: AddressBuckets,
        shares: AddressShares,
        *,
        is_open: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._buckets = buckets
        self._shares = shares
        self._is_open = is_open
        self._clock = clock
        self._blocked: dict[str, float] = {}
        """Addresses whose unknown credentials are not looked up, and until when."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError: 429 where an address has had its share."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        key = address_key(scope["state"]["address"])
        await self._admit(scope["method"], scope["path"], key)
        scope["state"]["is_suspect"] = self._blocked.get(key, 0.0) > self._clock()
        try:
            await self._app(scope, receive, send)
        except ApiError as error:
            if self._shares.failures and error.detail.code in REFUSED:
                await self._count(key)
            raise

    async def _admit(self, method: str, path: str, key: str) -> None:
        """What is counted before it is served."""
        shares = self._shares
        if shares.logins and method == "POST" and path == LOGIN:
            await self._pay(f"guest:{key}", shares.logins, "guest logins")
        elif shares.reads and path.startswith(PUBLIC):
            await self._pay(f"public:{key}", shares.reads, "requests without a login")

    async def _count(self, key: str) -> None:
        """One more refused credential of this address."""
        try:
            await self._pay(f"refused:{key}", self._shares.failures, "refused credentials")
        except ApiError as error:
            if len(self._blocked) >= MOST_BLOCKED:
                del self._blocked[next(iter(self._blocked))]
            self._blocked[key] = self._clock() + (error.detail.retry_after or 1.0)
            raise

    async def _pay(self, name: str, capacity: int, what: str) -> None:
        try:
            taken = await self._buckets.take(name, capacity=capacity, seconds=MINUTE)
        except LimitsDown:
            if self._is_open:
                return
            raise
        if not taken.is_allowed:
            raise too_many(what, taken.retry_after)


def too_many(what: str, seconds: float) -> ApiError:
    """The refusal of an address that has had its share."""
    message = f"Too many {what} from this address; try again in {max(1.0, seconds):.0f} seconds"
    return ApiError(ErrorCode.RATE_LIMITED, message, retry_after=max(1.0, seconds))
