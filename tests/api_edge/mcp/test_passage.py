"""A POST on its way through the SDK: when its answer begins, and what is added to it."""

import asyncio
from typing import Any

from starlette.types import Message

from api_edge.deps import Asked
from api_edge.mcp.messages import read_rpc
from api_edge.mcp.passage import Answer, Body, Passage
from api_edge.mcp.places import place_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from infra.telemetry.passing import PassingTracing
from infra.telemetry.spans import SpanKind

JOB = "01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
NAMED = b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"t"}}'
UNNAMED = b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}'
STREAM: Message = {
    "type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")],
}  # fmt: skip
EVENT = b'event: message\r\ndata: {"x":1}\r\n\r\n'


def passage(raw: bytes = NAMED, version: str = "2025-11-25", **more: Any) -> Passage:
    span = PassingTracing().start("mcp", SpanKind.SERVER, None, {})
    asked = Asked(Caller(user_id="u", tenant="t"), "req_1", span, len(raw))
    rpc = read_rpc(raw, depth=8)
    return Passage(rpc, asked, None, version, is_modern=version > "2026", state={}, **more)


class Wire:
    """What went out."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.sent if message["type"] == "http.response.body"]


def body(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}


async def test_a_stream_begins_when_its_job_is_durable_with_its_first_place() -> None:
    wire, on_way = Wire(), passage()
    answer = Answer(on_way, wire.send, None)
    await answer.send(STREAM)
    before = list(wire.sent)

    on_way.job_id = JOB
    on_way.accepted.set()
    await answer.begin_stream()

    assert before == []
    assert wire.sent[0] == STREAM
    event_id = wire.bodies[0].removeprefix(b"id: ").partition(b"\r\n")[0].decode()
    place = place_of(event_id)
    assert place is not None
    assert (place.job_id, place.seq, place.request_id) == (JOB, -1, 5)


async def test_events_get_the_ids_of_their_frames() -> None:
    wire, on_way = Wire(), passage(token=3, job_id=JOB)
    on_way.accepted.set()
    answer = Answer(on_way, wire.send, None)
    await answer.send(STREAM)

    on_way.sent.extend([0, 3])
    await answer.send(body(EVENT))
    await answer.send(body(b": ping\r\n\r\n"))
    await answer.send(body(EVENT))

    ids = [part.partition(b"\r\n")[0].removeprefix(b"id: ").decode() for part in wire.bodies]
    assert [place.seq for place in map(place_of, ids) if place] == [-1, 0, 3]
    assert wire.bodies[2] == b": ping\r\n\r\n"


async def test_older_and_newer_clients_get_no_event_without_data() -> None:
    for version in ("2025-06-18", "2026-07-28"):
        wire, on_way = Wire(), passage(version=version, job_id=JOB)
        on_way.accepted.set()
        await Answer(on_way, wire.send, None).send(STREAM)
        assert wire.bodies == []


async def test_an_unnamed_request_is_answered_with_null_and_its_right_length() -> None:
    wire, on_way = Wire(), passage(UNNAMED)
    answer = Answer(on_way, wire.send, None)
    data = b'{"jsonrpc":"2.0","id":"jan-unnamed","result":{"id":"jan-unnamed"}}'
    length = (b"content-length", b"%d" % len(data))

    await answer.send({"type": "http.response.start", "status": 200, "headers": [length]})
    await answer.send({"type": "http.response.body", "body": data})

    assert wire.bodies == [b'{"jsonrpc":"2.0","id":null,"result":{"id":"jan-unnamed"}}']
    assert dict(wire.sent[0]["headers"])[b"content-length"] == b"%d" % len(wire.bodies[0])


async def test_what_was_not_accepted_is_not_answered_by_the_sdk() -> None:
    wire, on_way = Wire(), passage()
    answer = Answer(on_way, wire.send, None)
    await answer.send(STREAM)

    on_way.refusal = ApiError(ErrorCode.DEPENDENCY_DOWN, "away")
    await answer.send(body(EVENT))

    assert (wire.sent, answer.has_begun) == ([], False)


async def test_a_stream_that_goes_on_elsewhere_ends_without_an_answer() -> None:
    wire, on_way = Wire(), passage(job_id=JOB)
    on_way.accepted.set()
    answer = Answer(on_way, wire.send, None)
    await answer.send(STREAM)

    on_way.is_left_open = True
    await answer.send(body(EVENT))

    assert wire.bodies[-1] == b""


async def test_a_new_session_is_named_where_the_handshake_went_well() -> None:
    for status, names in ((200, 1), (400, 0)):
        wire, on_way = Wire(), passage(b'{"jsonrpc":"2.0","id":1,"method":"initialize"}')
        answer = Answer(on_way, wire.send, "s1")
        await answer.send({"type": "http.response.start", "status": status, "headers": []})
        await answer.send({"type": "http.response.body", "body": b"{}"})
        assert [value for name, value in wire.sent[0]["headers"] if name == b"mcp-session-id"] == [
            b"s1"
        ] * names


async def test_the_body_is_read_once_and_then_the_client_is_awaited() -> None:
    on_way = passage()
    inner = Body(on_way)
    first = await inner.receive()
    told = asyncio.ensure_future(inner.receive())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await inner.watch(receive)

    assert first["body"] == NAMED
    assert (await told)["type"] == "http.disconnect"
    assert on_way.gone.is_set()
