"""One channel, listened to until cancelled: lost connections are opened anew, silent ones are found out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from infra.relay.redis import RelayDown, heed_cancel

RECONNECT_SECONDS = 0.2
PING_SECONDS = 5.0
DEAF_SECONDS = 15.0
"""A subscription that hears not even an answer to our pings for so long is opened anew."""
START_SECONDS = 10.0

log = logging.getLogger(__name__)


class Subscription:
    """Hands each message of a channel to `on_message`.

    Pub/sub may lose what is sent while nobody listens: `on_open` is awaited at each (re)subscription, to look
    up what was missed.
    """

    def __init__(
        self,
        client: Redis,
        channel: str,
        on_message: Callable[[bytes], None],
        on_open: Callable[[], Awaitable[None]],
    ) -> None:
        self.channel = channel
        self._client = client
        self._on_message = on_message
        self._on_open = on_open
        self._listening = asyncio.Event()
        self._heard = 0.0

    @property
    def is_listening(self) -> bool:
        """Whether messages arrive now."""
        return self._listening.is_set()

    async def started(self) -> None:
        """Wait for the first subscription. Raises RelayDown after a limit."""
        try:
            await asyncio.wait_for(self._listening.wait(), START_SECONDS)
        except TimeoutError as error:
            raise RelayDown(f"no subscription to {self.channel} within {START_SECONDS:.0f} s") from error

    async def listen(self) -> None:
        """Until cancelled."""
        while True:
            pubsub = self._client.pubsub()
            try:
                await self._listen(pubsub)
            except* (RedisError, OSError, TimeoutError) as lost:
                log.warning(
                    "relay_wire_lost", extra={"channel": self.channel, "error": repr(lost.exceptions)}
                )
            finally:
                self._listening.clear()
                await _close(pubsub)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(self.channel)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ping(pubsub))
            while True:
                answer = await pubsub.parse_response(block=True)
                self._heard = asyncio.get_running_loop().time()
                heed_cancel()
                if answer is None:
                    continue
                if answer[0] == b"message":
                    self._on_message(answer[2])
                elif answer[0] == b"subscribe":
                    self._listening.set()
                    await self._on_open()
                    heed_cancel()

    async def _ping(self, pubsub: PubSub) -> None:
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        while loop.time() - self._heard < DEAF_SECONDS:
            await asyncio.sleep(PING_SECONDS)
            await pubsub.ping()
        raise TimeoutError(f"nothing heard for {DEAF_SECONDS:.0f} s")


async def _close(pubsub: PubSub) -> None:
    try:
        await pubsub.aclose()  # type: ignore[no-untyped-call]  # as redis-py has it
    except (RedisError, OSError) as error:
        log.debug("relay_close_failed", extra={"error": str(error)})
