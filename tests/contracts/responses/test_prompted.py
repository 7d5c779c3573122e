"""Tools by a prompt: what a model that knows no calls is asked, and what it may write."""

from typing import Any

from contracts.responses.prompted import needed, prompted, simple

JsonObject = dict[str, Any]  # JSON
SEARCH: JsonObject = {
    "type": "function",
    "function": {
        "name": "google_search",
        "description": "Search the web.\nMore.",
        "parameters": {
            "type": "object",
            "properties": {"q": {"type": "string", "pattern": "x"}},
            "required": ["q"],
        },
    },
}


def schema_of(body: JsonObject) -> JsonObject:
    wanted: JsonObject = body["response_format"]["json_schema"]["schema"]
    return wanted


def test_tools_stand_in_the_instruction_and_in_the_schema() -> None:
    body = prompted(
        {"model": "m", "temperature": 0, "tools": [SEARCH], "tool_choice": "auto",
         "parallel_tool_calls": True,
         "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]},
        [SEARCH],
    )  # fmt: skip

    assert {"tools", "tool_choice", "parallel_tool_calls"}.isdisjoint(body)
    first = body["messages"][0]
    assert first["role"] == "system"
    assert first["content"].startswith("Be kind.")
    assert "- google_search(q): Search the web." in first["content"]
    call, answer = schema_of(body)["anyOf"]
    assert call["properties"]["tool"] == {"type": "string", "const": "google_search"}
    assert call["properties"]["arguments"]["properties"] == {"q": {"type": "string", "maxLength": 1_000}}
    assert answer["properties"] == {"answer": {"type": "string"}}
    assert body["temperature"] == 0


def test_only_what_a_call_cannot_do_without_is_asked_for() -> None:
    properties = {"q": {"type": "string", "maxLength": 5}, "n": {"type": "integer"}, "kind": {"enum": ["a"]}}
    schema = {"type": "object", "properties": properties, "required": ["kind", "q"]}

    assert list(needed(schema)["properties"]) == ["q", "kind"]
    assert needed(schema)["properties"]["q"]["maxLength"] == 5
    assert needed({"type": "object", "properties": properties}) == {
        "type": "object",
        "properties": properties,
    }


def test_who_must_call_may_not_answer() -> None:
    body = prompted({"messages": []}, [SEARCH], must_call=True)

    assert schema_of(body)["properties"]["tool"]["const"] == "google_search"


def test_a_wanted_schema_is_that_of_the_answer() -> None:
    wanted = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": wanted}}

    body = prompted({"messages": [], "response_format": asked}, [SEARCH])

    assert schema_of(body)["anyOf"][1]["properties"] == {"answer": wanted}


def test_former_calls_and_their_outputs_are_told_as_texts() -> None:
    called = {
        "id": "c1",
        "type": "function",
        "function": {"name": "google_search", "arguments": '{"q": "x"}'},
    }
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
    ]

    told = prompted({"messages": messages}, [SEARCH])["messages"][1:]

    assert told == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": '{"tool": "google_search", "arguments": {"q": "x"}}'},
        {"role": "user", "content": "Result of google_search: found"},
    ]


def test_a_schema_is_made_plain() -> None:
    schema = {
        "type": "object",
        "$defs": {"City": {"type": "string", "format": "x", "enum": ["Oslo"]}},
        "properties": {
            "city": {"$ref": "#/$defs/City"},
            "gone": {"$ref": "#/$defs/Nowhere"},
            "many": {"type": "array", "items": {"type": "integer", "multipleOf": 2}},
            "one": {"anyOf": [{"type": "string", "title": "T"}, {"type": "null"}]},
        },
    }

    assert simple(schema)["properties"] == {
        "city": {"type": "string", "enum": ["Oslo"]},
        "gone": {},
        "many": {"type": "array", "items": {"type": "integer"}},
        "one": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    }


def test_a_schema_that_names_itself_has_an_end() -> None:
    schema: JsonObject = {"$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}}

    assert simple(schema | {"$ref": "#/$defs/A"})["type"] == "object"
