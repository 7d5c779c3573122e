"""Keeps one part running: opens its server, starts it, watches it, starts it again when it crashes."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from infra.embedded.child import Child, await_ready, start_child, stop_child
from infra.embedded.part import Part
from infra.embedded.place import Place
from infra.embedded.server import Server, StartFailed
from infra.embedded.state import Identity, Phase, StateFile

LOOK_EVERY = 0.2
"""Seconds between two looks whether the process lives."""
HEALTH_EVERY = 5.0
"""Seconds between two checks whether it can be used."""
FIRST_DELAY = 0.25
LONGEST_DELAY = 10.0
MOST_CRASHES = 5
CRASH_WINDOW = 60.0
"""A part that crashes more often than MOST_CRASHES in these seconds is given up."""


@dataclass
class Keeper:
    """One part's life. `prepared` is set when its address is known, `opened` when it can be used."""

    part: Part
    place: Place
    pen: StateFile
    inherited: dict[str, str] = field(default_factory=dict)
    """Settings of the parts that were started before."""
    prepared: asyncio.Future[Server] = field(default_factory=asyncio.Future)
    opened: asyncio.Future[Server] = field(default_factory=asyncio.Future)
    first_delay: float = FIRST_DELAY
    """Seconds before the first of a row of restarts."""
    crashes: deque[float] = field(default_factory=deque)

    async def run(self) -> None:
        """Until cancelled. Raises StartFailed when it can't be opened, but not when it is given up later."""
        server = await self.prepare()
        self.prepared.set_result(server)
        child = self.start(server)
        try:
            await self.become_ready(child)
            self.opened.set_result(server)
            while await self.crashed(child):
                self.pen.set_part(self.part.name, phase=Phase.RESTARTING, healthy=False, error=child.tail())
                await asyncio.sleep(self.delay())
                child = self.start(server)
                await self.try_again(child)
        finally:
            self.pen.set_part(self.part.name, phase=Phase.STOPPING, healthy=False)
            await stop_child(child)
            self.pen.set_part(self.part.name, phase=Phase.STOPPED, identity=None)

    async def prepare(self) -> Server:
        """Everything that comes before the first process."""
        began = time.monotonic()
        self.pen.set_part(self.part.name, phase=Phase.PREPARING)
        server = await self.part.open(self.place, self.report)
        seconds = time.monotonic() - began
        self.pen.set_part(
            self.part.name, address=server.address, note=server.note, progress="", prepare_seconds=seconds
        )
        return server

    def start(self, server: Server) -> Child:
        """A new process, written down at once."""
        child = start_child(server, self.place.home, self.inherited)
        self.pen.set_part(
            self.part.name,
            phase=Phase.STARTING,
            identity=Identity(pid=child.pid, created=child.created),
            stop_signal=int(server.stop_signal),
            began=child.created,
        )
        return child

    async def become_ready(self, child: Child) -> None:
        """Wait for it; StartFailed when it doesn't come."""
        await await_ready(child)
        seconds = time.monotonic() - child.began
        self.pen.set_part(self.part.name, phase=Phase.READY, healthy=True, start_seconds=seconds, error="")

    async def try_again(self, child: Child) -> None:
        """Wait for it after a crash; a further crash is counted by `crashed`."""
        try:
            await self.become_ready(child)
        except StartFailed:
            await stop_child(child)

    async def crashed(self, child: Child) -> bool:
        """Wait until it ends; whether it is to be started again."""
        checked = time.monotonic()
        while not child.has_ended():
            await asyncio.sleep(LOOK_EVERY)
            if time.monotonic() - checked > HEALTH_EVERY:
                await self.note_health(child)
                checked = time.monotonic()
        self.crashes.append(time.monotonic())
        if self.is_hopeless():
            self.pen.set_part(self.part.name, phase=Phase.FAILED, healthy=False, error=child.tail())
            await asyncio.Event().wait()
        self.pen.set_part(self.part.name, restarts=len(self.crashes))
        return True

    async def note_health(self, child: Child) -> None:
        """Write its health down when it changed."""
        healthy = await child.server.ready()
        if healthy != self.pen.state.parts[self.part.name].healthy:
            self.pen.set_part(self.part.name, healthy=healthy)

    def is_hopeless(self) -> bool:
        """Whether it crashes so often that another start is no use."""
        since = time.monotonic() - CRASH_WINDOW
        return sum(crash > since for crash in self.crashes) > MOST_CRASHES

    def delay(self) -> float:
        """Longer with each crash of late."""
        since = time.monotonic() - CRASH_WINDOW
        recent = sum(crash > since for crash in self.crashes)
        return min(self.first_delay * 2.0 ** (recent - 1), LONGEST_DELAY)

    def report(self, progress: str) -> None:
        """What the part's factory says while it prepares."""
        self.pen.set_part(self.part.name, progress=progress)
