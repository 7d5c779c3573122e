"""The edge's side of the relay: one subscription for the whole process, handed out to its followers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.frames import unpack
from contracts.ids import new_ulid
from infra.relay.cancels import cancel_job
from infra.relay.follower import Follower
from infra.relay.keys import EPOCH, claim_key, edge_channel
from infra.relay.log import LogReader
from infra.relay.redis import RelayDown, heed_cancel
from infra.relay.scripts import ATTACH
from infra.relay.standing import Standing, standing_of
from infra.relay.subscription import Subscription
from infra.settings import RelaySettings

TICK_SECONDS = 0.5
MOST_ATTACHED = 8
"""Further edges to which a job's frames are sent; more of them read the log, a second later."""
log = logging.getLogger(__name__)


class ReaderStats(Protocol):
    """What the reader counts."""

    def frames_read(self, count: int) -> None: ...
    def frames_filled(self, count: int) -> None: ...


class RelayReader:
    """Hands the frames of one channel to those who follow their jobs."""

    def __init__(self, edge_id: str, client: Redis, settings: RelaySettings, stats: ReaderStats) -> None:
        self._client = client
        self._settings = settings
        self._stats = stats
        self._log = LogReader(client)
        self._followers: dict[str, list[Follower]] = {}
        self.epoch: str | None = None
        """Which life of Redis's memory this is, as last seen: it has a new name after a flush."""
        self.wire = Subscription(client, edge_channel(edge_id), self._hand_out, self._look_up_all)

    @property
    def channel(self) -> str:
        """What an envelope's `reply_to` names."""
        return self.wire.channel

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

    async def attach(self, job_id: str) -> None:
        """Let the live frames of a job that another edge asked for come here, too. Raises RelayDown."""
        script = self._client.register_script(ATTACH)
        try:
            await script(
                keys=[claim_key(job_id)], args=[self.channel, self._settings.retention, MOST_ATTACHED]
            )
        except RedisError as error:
            raise RelayDown(str(error)) from error

    async def look(self, job_id: str) -> Standing:
        """What Redis knows of a job now. Raises RelayDown."""
        return await standing_of(self._client, job_id)

    async def cancel(self, job_id: str) -> bool:
        """Tell a job to stop; whether it ended at once, since no worker held it. Raises RelayDown."""
        return await cancel_job(self._client, job_id, self._settings.retention)

    def nudge(self) -> None:
        """Make all who wait look up."""
        for many in self._followers.values():
            for follower in many:
                follower.nudge()

    async def watch(self, heartbeat: float) -> None:
        """Until cancelled: look into the logs when the wire is silent, and nudge for heartbeats."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            heed_cancel()
            now = loop.time()
            await self._look_at_epoch()
            followers = [one for many in self._followers.values() for one in many]
            for follower in followers:
                if now - follower.last_given >= heartbeat:
                    follower.nudge()
            silent = [one for one in followers if now - one.last_given >= self._settings.watchdog]
            if silent:
                await self._look_up(silent)

    def _hand_out(self, message: bytes) -> None:
        for job_id, first_seq, frames in unpack(message):
            self._stats.frames_read(len(frames))
            for follower in self._followers.get(job_id, ()):
                follower.deliver(first_seq, frames)

    async def _look_at_epoch(self) -> None:
        try:
            await self._client.set(EPOCH, new_ulid(), nx=True)
            name = cast("bytes | None", await self._client.get(EPOCH))  # not decoded: open_redis
        except RedisError:
            return  # the wire and the logs tell of it
        self.epoch = name.decode() if name else None

    async def _look_up_all(self) -> None:
        await self._look_at_epoch()
        await self._look_up([one for many in self._followers.values() for one in many])

    async def _look_up(self, followers: list[Follower]) -> None:
        if not followers:
            return
        try:
            lengths = await self._log.lengths([follower.job_id for follower in followers])
        except RelayDown as error:
            log.warning("relay_log_unreadable", extra={"channel": self.wire.channel, "error": str(error)})
            return
        now = asyncio.get_running_loop().time()
        for follower, length in zip(followers, lengths, strict=True):
            follower.announce(length, now)


@asynccontextmanager
async def open_reader(
    edge_id: str, client: Redis, settings: RelaySettings, *, heartbeat: float, stats: ReaderStats
) -> AsyncIterator[RelayReader]:
    """A reader that listens and watches for as long as it is open."""
    async with asyncio.TaskGroup() as tasks:
        reader = RelayReader(edge_id, client, settings, stats)
        running = [tasks.create_task(reader.wire.listen()), tasks.create_task(reader.watch(heartbeat))]
        try:
            await reader.wire.started()
            yield reader
        finally:
            for task in running:
                task.cancel()
