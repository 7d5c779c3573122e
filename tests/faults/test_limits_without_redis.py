"""Redis is away or silent: limits let everything through, or close the door, as they were told to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from infra.embedded.child import stop_child
from tests.acceptance.asking import Json, error_in
from tests.acceptance.waiting import LIMIT, until
from tests.faults.own_stack import OwnStack

pytestmark = pytest.mark.asyncio(loop_scope="module")
MODELS = "/v1/models"
"""A route that needs no Redis but for its limits."""
LEFT = "X-RateLimit-Remaining"


@dataclass(frozen=True)
class Doors:
    """An edge whose limits are open without Redis, and one whose limits are closed."""

    open: str
    closed: str
    token: str

    async def ask(self, url: str, path: str = MODELS) -> tuple[int, dict[str, str], Json]:
        """An answer."""
        headers = {"Authorization": f"Bearer {self.token}"}
        timeout = aiohttp.ClientTimeout(total=LIMIT)
        async with (
            aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session,
            session.get(path) as answer,
        ):
            return answer.status, dict(answer.headers), await answer.json()

    async def tell_of_it(self) -> bool:
        """Whether both say that limits can't be checked, and that only the closed one needs them: what
        readiness says may be a second old."""
        checks = [await self._limits_check(url) for url in (self.open, self.closed)]
        return checks == [(False, False), (False, True)]

    async def _limits_check(self, url: str) -> tuple[bool, bool]:
        """Whether limits can be checked, and whether readiness needs them."""
        _, _, report = await self.ask(url, "/readyz")
        (check,) = [one for one in report["checks"] if one["name"] == "limits"]
        return check["ok"], check["needed"]

    async def are_well(self) -> bool:
        """Whether both say what is left."""
        return all([LEFT in (await self.ask(url))[1] for url in (self.open, self.closed)])


@pytest_asyncio.fixture(loop_scope="module")
async def doors(own: OwnStack) -> AsyncIterator[Doors]:
    edges = len(own.product.edges)
    on = {"JAN_RATE_LIMITS": "on", "JAN_LIMITS_TIERS": "free=1000"}
    urls = [await own.product.add_edge({**on, "JAN_LIMITS_WITHOUT_REDIS": way}) for way in ("open", "closed")]
    yield Doors(urls[0], urls[1], own.token)
    for edge in own.product.edges[edges:]:
        await stop_child(edge)
    del own.product.edges[edges:], own.product.urls[edges:]


async def test_a_killed_redis_leaves_the_open_door_open_and_closes_the_other(
    own: OwnStack, doors: Doors
) -> None:
    await until(doors.are_well)

    await own.servers.valkey.kill()
    try:
        opened, closed = await doors.ask(doors.open), await doors.ask(doors.closed)
        await until(doors.tell_of_it)
    finally:
        await own.servers.valkey.start()
    await until(doors.are_well)

    assert (opened[0], LEFT in opened[1]) == (200, False)
    assert (closed[0], error_in(closed[2])["code"]) == (503, "dependency_down")
    assert int(closed[1]["Retry-After"]) > 0
    await until(own.is_well)


async def test_a_silent_redis_holds_no_request_up(own: OwnStack, doors: Doors) -> None:
    await until(doors.are_well)

    own.redis_proxy.black_hole()
    try:
        opened, closed = await doors.ask(doors.open), await doors.ask(doors.closed)
    finally:
        own.redis_proxy.heal()
    await until(doors.are_well)

    assert (opened[0], closed[0]) == (200, 503)
    await until(own.is_well)
