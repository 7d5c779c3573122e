"""The edge's side of the relay: one subscription for the whole process, handed out to its followers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from contracts.frames import unpack
from infra.relay.follower import Follower
from infra.relay.keys import edge_channel
from infra.relay.log import LogReader
from infra.relay.redis import RelayDown
from infra.settings import RelaySettings

TICK_SECONDS = 0.5
RECONNECT_SECONDS = 0.2
PING_SECONDS = 5.0
DEAF_SECONDS = 15.0
"""A subscription that hears not even an answer to our pings for so long is opened anew."""
LISTEN_START_SECONDS = 10.0

log = logging.getLogger(__name__)


class ReaderStats(Protocol):
    """What the reader counts."""

    def frames_read(self, count: int) -> None: ...
    def frames_filled(self, count: int) -> None: ...


class RelayReader:
    """Hands the frames of one channel to those who follow their jobs."""

    def __init__(self, edge_id: str, client: Redis, settings: RelaySettings, stats: ReaderStats) -> None:
        self._channel = edge_channel(edge_id)
        self._client = client
        self._settings = settings
        self._stats = stats
        self._log = LogReader(client)
        self._followers: dict[str, list[Follower]] = {}
        self._listening = asyncio.Event()
        self._heard = 0.0

    @property
    def channel(self) -> str:
        """What an envelope's `reply_to` names."""
        return self._channel

    @property
    def is_listening(self) -> bool:
        """Whether the wire is up; without it, streams go on from the logs, more slowly."""
        return self._listening.is_set()

    @contextmanager
    def follow(self, job_id: str, *, first_seq: int = 0) -> Iterator[Follower]:
        """Follow a job from a seq on. Begin before the job is produced, so that nothing is missed."""
        now = asyncio.get_running_loop().time()
        follower = Follower(
            job_id, self._log, first_seq=first_seq, limit=self._settings.follower_bytes, now=now
        )
        self._followers.setdefault(job_id, []).append(follower)
        try:
            yield follower
        finally:
            follower.close()
            self._stats.frames_filled(follower.filled)
            rest = self._followers[job_id]
            rest.remove(follower)
            if not rest:
                del self._followers[job_id]

    async def started(self) -> None:
        """Wait for the first subscription. Raises RelayDown after a limit."""
        try:
            await asyncio.wait_for(self._listening.wait(), LISTEN_START_SECONDS)
        except TimeoutError as error:
            raise RelayDown(
                f"no subscription to {self._channel} within {LISTEN_START_SECONDS:.0f} s"
            ) from error

    async def listen(self) -> None:
        """Read the wire until cancelled; a lost connection is opened anew and what it missed is looked up."""
        while True:
            pubsub = self._client.pubsub()
            try:
                await self._listen(pubsub)
            except* (RedisError, OSError, TimeoutError) as lost:
                log.warning(
                    "relay_wire_lost", extra={"channel": self._channel, "error": repr(lost.exceptions)}
                )
            finally:
                self._listening.clear()
                await _close(pubsub)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def watch(self, heartbeat: float) -> None:
        """Until cancelled: look into the logs when the wire is silent, and nudge for heartbeats."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            followers = [one for many in self._followers.values() for one in many]
            for follower in followers:
                if now - follower.last_given >= heartbeat:
                    follower.nudge()
            silent = [one for one in followers if now - one.last_given >= self._settings.watchdog]
            if silent:
                await self._look_up(silent)

    async def _listen(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(self._channel)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ping(pubsub))
            while True:
                answer = await pubsub.parse_response(block=True)
                self._heard = asyncio.get_running_loop().time()
                if answer is None:
                    continue
                if answer[0] == b"message":
                    self._hand_out(answer[2])
                elif answer[0] == b"subscribe":
                    self._listening.set()
                    await self._look_up([one for many in self._followers.values() for one in many])

    async def _ping(self, pubsub: PubSub) -> None:
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        while loop.time() - self._heard < DEAF_SECONDS:
            await asyncio.sleep(PING_SECONDS)
            await pubsub.ping()
        raise TimeoutError(f"nothing heard for {DEAF_SECONDS:.0f} s")

    def _hand_out(self, message: bytes) -> None:
        for job_id, first_seq, frames in unpack(message):
            self._stats.frames_read(len(frames))
            for follower in self._followers.get(job_id, ()):
                follower.deliver(first_seq, frames)

    async def _look_up(self, followers: list[Follower]) -> None:
        if not followers:
            return
        try:
            lengths = await self._log.lengths([follower.job_id for follower in followers])
        except RelayDown as error:
            log.warning("relay_log_unreadable", extra={"channel": self._channel, "error": str(error)})
            return
        for follower, length in zip(followers, lengths, strict=True):
            follower.announce(length)


async def _close(pubsub: PubSub) -> None:
    try:
        await pubsub.aclose()  # type: ignore[no-untyped-call]  # as redis-py has it
    except (RedisError, OSError) as error:
        log.debug("relay_close_failed", extra={"error": str(error)})


@asynccontextmanager
async def open_reader(
    edge_id: str, client: Redis, settings: RelaySettings, *, heartbeat: float, stats: ReaderStats
) -> AsyncIterator[RelayReader]:
    """A reader that listens and watches for as long as it is open."""
    async with asyncio.TaskGroup() as tasks:
        reader = RelayReader(edge_id, client, settings, stats)
        running = [tasks.create_task(reader.listen()), tasks.create_task(reader.watch(heartbeat))]
        try:
            await reader.started()
            yield reader
        finally:
            for task in running:
                task.cancel()
