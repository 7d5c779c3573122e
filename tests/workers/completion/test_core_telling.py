"""Items of responses as messages of a chat."""

from typing import Any

from workers.completion.core.telling import Told, chat_messages

JsonObject = dict[str, Any]  # OpenAI's items


def message(role: str, text: str) -> Told:
    kind = "output_text" if role == "assistant" else "input_text"
    return Told({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})


def ours(call_id: str, name: str, output: str) -> Told:
    item = {"type": "web_search_call", "id": f"ws_{call_id}"}
    return Told(item, {"call_id": call_id, "name": name, "arguments": "{}", "output": output})


def function(call_id: str) -> Told:
    return Told({"type": "function_call", "call_id": call_id, "name": "weather", "arguments": "{}"})


def output(call_id: str, text: str) -> Told:
    return Told({"type": "function_call_output", "call_id": call_id, "output": text})


def called(call_id: str, name: str) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def answered(call_id: str, text: str) -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def test_messages_are_told_in_order_and_reasoning_is_not() -> None:
    told = chat_messages(
        [message("user", "Hi"), Told({"type": "reasoning", "summary": []}), message("assistant", "Ho")]
    )

    assert told == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]


def test_calls_side_by_side_are_one_message_with_their_outputs_behind() -> None:
    told = chat_messages(
        [
            message("user", "Hi"),
            ours("a", "google_search", "found"),
            ours("b", "scrape", "read"),
            message("assistant", "So"),
        ]
    )

    assert told[1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [called("a", "google_search"), called("b", "scrape")],
        },
        answered("a", "found"),
        answered("b", "read"),
        {"role": "assistant", "content": "So"},
    ]


def test_a_clients_function_beside_ours_has_its_output_from_the_next_input() -> None:
    told = chat_messages([function("f"), ours("a", "google_search", "found"), output("f", "sunny")])

    assert told[0]["tool_calls"] == [called("f", "weather"), called("a", "google_search")]
    assert told[1:] == [answered("f", "sunny"), answered("a", "found")]


def test_a_call_without_an_output_is_left_out() -> None:
    assert chat_messages([message("user", "Hi"), function("f"), message("user", "Well?")]) == [
        {"role": "user", "content": "Hi"},
        {"role": "user", "content": "Well?"},
    ]


def test_a_refused_call_is_told_with_why() -> None:
    question = Told({"type": "mcp_approval_request", "id": "mcpr_1", "name": "rm", "arguments": "{}"})
    answer = {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        "approve": False,
        "reason": "No",
    }

    told = chat_messages([question, Told(answer)])

    assert told == [
        {"role": "assistant", "content": None, "tool_calls": [called("mcpr_1", "rm")]},
        answered("mcpr_1", "The user did not allow this call: No"),
    ]


def test_an_allowed_call_is_told_as_what_it_came_to() -> None:
    question = Told({"type": "mcp_approval_request", "id": "mcpr_1", "name": "rm", "arguments": "{}"})
    answer = Told({"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True})

    told = chat_messages([question, answer, ours("c", "acme_rm", "gone")])

    assert told[0]["tool_calls"] == [called("c", "acme_rm")]
    assert told[1:] == [answered("c", "gone")]


def test_a_clients_own_mcp_call_is_told_with_its_output() -> None:
    item = {"type": "mcp_call", "id": "mcp_1", "name": "add", "arguments": "{}", "output": "2"}

    assert chat_messages([Told(item)])[1] == answered("mcp_1", "2")
