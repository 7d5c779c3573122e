"""Heartbeats, deadlines and lost logs, as a waiting client sees them."""

import asyncio

from starlette.types import Message

from api_edge.deps import Edge
from api_edge.relay.answer import send_stream
from api_edge.relay.running import Running
from infra.relay.follower import Follower
from tests.flows.world import MemoryProvider, MemoryRelay, World

JOB = "0" * 26
NEVER = 1e12


def running(relay: MemoryRelay, until: float = NEVER) -> Running:
    return Running(JOB, Follower(JOB, relay, first_seq=0, limit=10_000, now=0.0), "m", until)


class Client:
    """Takes what is sent and never leaves."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def edge() -> Edge:
    return World(MemoryProvider()).edge


async def streamed(job: Running, client: Client) -> None:
    await send_stream(edge(), job, "req_1", client.receive, client.send)


async def test_silence_is_filled_with_a_comment_of_one_newline() -> None:
    relay, client = MemoryRelay(), Client()
    job = running(relay)
    streaming = asyncio.create_task(streamed(job, client))
    await asyncio.sleep(0)

    job.follower.nudge()
    while not client.sent:
        await asyncio.sleep(0)
    job.follower.deliver(0, [b'c1 {"x_seq":0}', b"z1 "])
    await streaming

    assert client.sent[0]["status"] == 200
    assert client.body == b': ping\ndata: {"x_seq":0}\n\ndata: [DONE]\n\n'


async def test_a_stream_past_its_deadline_ends_with_an_error_event() -> None:
    relay, client = MemoryRelay(), Client()
    job = running(relay, until=asyncio.get_running_loop().time() - 1)
    streaming = asyncio.create_task(streamed(job, client))
    await asyncio.sleep(0)

    job.follower.deliver(0, [b'c1 {"x_seq":0}'])
    while not client.sent:
        await asyncio.sleep(0)
    job.follower.nudge()
    await streaming

    assert b'"code":"deadline_exceeded"' in client.body
    assert not client.sent[-1].get("more_body")


async def test_frames_after_a_terminal_one_are_not_sent() -> None:
    relay, client = MemoryRelay(), Client()
    job = running(relay)

    job.follower.deliver(0, [b"c1 {}", b"z1 ", b"c1 {}"])
    await streamed(job, client)

    assert client.body == b"data: {}\n\ndata: [DONE]\n\n"
