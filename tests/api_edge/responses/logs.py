"""Logs of a response and of its turns as a test writes them, with a fold that names what it is fed."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.types import Message

from api_edge.deps import Edge
from api_edge.relay.running import Running
from api_edge.responses.stream import Streams
from contracts.errors import ApiError, ErrorCode
from contracts.ids import derived_ulid, response_id
from contracts.responses.plan import TurnPlan
from infra.relay.follower import Follower
from tests.flows.world import MemoryProvider, MemoryRelay, World

JOB = "01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
NEVER = 1e12


class NamingFold:
    """An event for each chunk, and one for the end."""

    def __init__(self, plan: TurnPlan) -> None:
        self._number = plan.number

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        said = json.loads(chunk)
        return [{"type": "delta", "turn": self._number, "delta": text} for text in said["says"]]

    def end(self) -> list[dict[str, Any]]:
        return [{"type": "done", "turn": self._number}]


class Client:
    """Takes what is sent, as slowly as it likes, and goes when told to."""

    def __init__(self, pause: Callable[[], Any] | None = None) -> None:
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self._pause = pause

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._pause is not None:
            await self._pause()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.body.split(b"\n")
        return [json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]

    @property
    def told(self) -> list[str]:
        """Each event's type and number, with what it says."""
        return [
            f"{event['sequence_number']} {event['type']} {event.get('delta', '')}".strip()
            for event in self.events
        ]


class Desk:
    """An edge with a memory for a relay."""

    def __init__(self) -> None:
        self.world = World(MemoryProvider())
        self.relay: MemoryRelay = self.world.relay
        self.edge: Edge = self.world.edge
        self.relay.attempts[JOB] = 1

    def write(self, *frames: bytes) -> None:
        """Put frames to the response's log."""
        for frame in frames:
            self.relay.append(JOB, 1, frame)

    def write_turn(self, number: int, *frames: bytes) -> None:
        """Put frames to the log of a turn."""
        job_id = turn_job(number)
        self.relay.attempts.setdefault(job_id, 1)
        for frame in frames:
            self.relay.append(job_id, 1, frame)

    async def read(
        self, client: Client | None = None, *, after: int = -1, is_kept: bool = True, until: float = NEVER
    ) -> Client:
        """Stream the response to a client."""
        client = client or Client()
        with self.relay.follow(JOB) as follower:
            follower.announce(len(self.relay.logs.get(JOB, [])))
            running = Running(JOB, follower, "m", until, is_replay=after >= 0)
            streams = Streams(self.edge, NamingFold)
            await streams.send(running, client.receive, client.send, after=after, is_kept=is_kept)
        return client

    def nudge(self) -> None:
        self.relay.nudge()

    def followers(self, job_id: str) -> list[Follower]:
        return self.relay.followers.get(job_id, [])


def turn_job(number: int) -> str:
    return derived_ulid(JOB, f"turn {number}")


def follow(number: int) -> bytes:
    plan = TurnPlan(response_id=response_id(JOB), number=number, job_id=turn_job(number), first_output=0)
    return b"f1 " + plan.model_dump_json().encode()


def event(kind: str, **fields: object) -> bytes:
    return b"c1 " + json.dumps({"type": kind, **fields}).encode()


def says(*texts: str) -> bytes:
    return b"c1 " + json.dumps({"says": texts}).encode()


def error(message: str = "lost") -> bytes:
    return b"e1 " + ApiError(ErrorCode.WORKER_LOST, message).detail.model_dump_json().encode()


END = b"z1 {}"
COMPLETED = event("response.completed", response={"id": response_id(JOB), "status": "completed"})
