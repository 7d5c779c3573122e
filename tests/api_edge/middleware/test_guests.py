"""What an address may ask for without a name."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api_edge.middleware.guests import AddressLimits, AddressShares
from contracts.errors import ApiError, ErrorCode
from infra.limits.buckets import Taken
from infra.limits.errors import LimitsDown

SHARES = AddressShares(logins=2, reads=3, failures=2)


class MemoryBuckets:
    """Buckets that never refill."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}
        self.is_away = False

    async def take(self, name: str, *, capacity: int, seconds: float, cost: int = 1) -> Taken:
        if self.is_away:
            raise LimitsDown
        used = self.taken.get(name, 0) + cost
        if used > capacity:
            return Taken(False, capacity, 0, seconds, 7.5)  # noqa: FBT003  a value's field
        self.taken[name] = used
        return Taken(True, capacity, capacity - used, seconds, 0)  # noqa: FBT003  a value's field


class Door:
    """Refuses with a code, or lets pass."""

    def __init__(self) -> None:
        self.code: ErrorCode | None = None
        self.suspects: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.suspects.append(scope["state"]["is_suspect"])
        if self.code is not None:
            raise ApiError(self.code, "no")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def buckets() -> MemoryBuckets:
    return MemoryBuckets()


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(door: Door, buckets: MemoryBuckets, clock: Clock) -> AddressLimits:
    return AddressLimits(door, buckets, SHARES, is_open=True, clock=clock)


async def ask(
    app: AddressLimits, path: str = "/auth/guest-login", *, address: str = "192.0.2.1", method: str = "POST"
) -> None:
    async def receive() -> MutableMapping[str, Any]:  # ASGI's own type
        raise AssertionError

    async def send(_: MutableMapping[str, Any]) -> None:  # as above
        raise AssertionError

    state = {"address": address}
    await app({"type": "http", "method": method, "path": path, "state": state}, receive, send)


async def test_an_address_logs_in_so_often_and_no_more(limits: AddressLimits, door: Door) -> None:
    await ask(limits)
    await ask(limits)

    with pytest.raises(ApiError, match="Too many guest logins") as refusal:
        await ask(limits)
    await ask(limits, address="192.0.2.2")

    assert (refusal.value.detail.status, refusal.value.detail.retry_after) == (429, 7.5)
    assert len(door.suspects) == 3


async def test_other_routes_and_methods_cost_no_login(limits: AddressLimits) -> None:
    for _ in range(5):
        await ask(limits, "/v1/models")
        await ask(limits, method="GET")


async def test_what_is_open_to_everybody_is_counted_for_itself(limits: AddressLimits) -> None:
    for slug in ("a", "a", "b"):
        await ask(limits, f"/v1/public/shares/{slug}", method="GET")

    with pytest.raises(ApiError, match="Too many requests without a login") as refusal:
        await ask(limits, "/v1/public/shares/c", method="GET")
    await ask(limits, "/v1/public/shares/a", method="GET", address="192.0.2.2")
    await ask(limits)

    assert refusal.value.detail.status == 429


async def test_refused_credentials_are_counted_and_then_told(limits: AddressLimits, door: Door) -> None:
    door.code = ErrorCode.INVALID_API_KEY
    codes = []

    for _ in range(4):
        with pytest.raises(ApiError) as refusal:
            await ask(limits, "/v1/models")
        codes.append(refusal.value.detail.code)

    assert codes == ["invalid_api_key", "invalid_api_key", "rate_limit_exceeded", "rate_limit_exceeded"]
    assert door.suspects == [False, False, False, True]


async def test_an_address_is_no_suspect_any_more_when_its_time_is_over(
    limits: AddressLimits, door: Door, clock: Clock
) -> None:
    door.code = ErrorCode.INVALID_TOKEN
    for _ in range(3):
        with pytest.raises(ApiError):
            await ask(limits, "/v1/models")
    door.code = None

    clock.now += 7.4
    await ask(limits, "/v1/models")
    clock.now += 0.2
    await ask(limits, "/v1/models")

    assert door.suspects[-2:] == [True, False]


async def test_other_refusals_are_nobodys_guessing(limits: AddressLimits, door: Door) -> None:
    door.code = ErrorCode.NOT_FOUND

    for _ in range(5):
        with pytest.raises(ApiError, match="no"):
            await ask(limits, "/v1/models")


async def test_without_redis_the_door_is_open_or_closed_as_configured(
    door: Door, buckets: MemoryBuckets, limits: AddressLimits
) -> None:
    buckets.is_away = True
    closed = AddressLimits(door, buckets, SHARES, is_open=False)

    for _ in range(5):
        await ask(limits)
    with pytest.raises(LimitsDown):
        await ask(closed)


async def test_zero_is_no_limit(door: Door, buckets: MemoryBuckets) -> None:
    free = AddressLimits(door, buckets, AddressShares(), is_open=True)
    door.code = ErrorCode.INVALID_TOKEN

    for _ in range(100):
        with pytest.raises(ApiError, match="no"):
            await ask(free)
        with pytest.raises(ApiError, match="no"):
            await ask(free, "/v1/public/shares/a", method="GET")

    assert buckets.taken == {}
