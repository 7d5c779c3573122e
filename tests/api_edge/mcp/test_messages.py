"""JSON-RPC messages: what passes as it came, what gets a name, and what is refused with which code."""

from typing import Any

import pytest
from pydantic_core import from_json, to_json

from api_edge.mcp.messages import PLAIN_ID, RpcError, read_rpc

DEPTH = 8
CALL: dict[str, Any] = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "t"}}


@pytest.mark.parametrize("request_id", [0, 1, "a", ""])
def test_a_request_passes_as_it_came(request_id: str | int) -> None:
    raw = to_json({**CALL, "id": request_id})

    rpc = read_rpc(raw, depth=DEPTH)

    assert (rpc.method, rpc.request_id, rpc.params, rpc.raw) == ("tools/call", request_id, {"name": "t"}, raw)
    assert (rpc.is_call, rpc.is_unnamed) == (True, False)


def test_a_request_without_an_id_is_named_on_its_way() -> None:
    rpc = read_rpc(to_json(CALL), depth=DEPTH)

    assert rpc.is_unnamed
    assert from_json(rpc.raw) == {**CALL, "id": PLAIN_ID}


def test_a_notification_stays_without_an_id() -> None:
    raw = to_json({"jsonrpc": "2.0", "method": "notifications/initialized"})

    rpc = read_rpc(raw, depth=DEPTH)

    assert (rpc.is_unnamed, rpc.raw) == (False, raw)


@pytest.mark.parametrize("answer", [{"result": {}}, {"error": {"code": 1, "message": "m"}}])
def test_an_answer_has_no_method(answer: dict[str, Any]) -> None:
    assert read_rpc(to_json({"jsonrpc": "2.0", "id": 1, **answer}), depth=DEPTH).method is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", -32700),
        (b"NaN", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1e999}}', -32700),
        (b"[" * 20 + b"]" * 20, -32600),
        (to_json([{**CALL, "id": 1}]), -32600),
        (b"null", -32600),
        (to_json({**CALL, "id": 1.5}), -32600),
        (to_json({**CALL, "id": None}), -32600),
        (to_json({**CALL, "id": 1, "method": ""}), -32600),
        (to_json({**CALL, "id": 1, "params": None}), -32602),
    ],
)
def test_what_is_no_message_has_its_code(raw: bytes, code: int) -> None:
    with pytest.raises(RpcError) as caught:
        read_rpc(raw, depth=DEPTH)

    error = from_json(caught.value.body)
    assert (caught.value.status, error["jsonrpc"], error["error"]["code"]) == (400, "2.0", code)
    assert error["error"]["message"]
