"""Tools of a request, as what a response offers its model."""

from typing import Any

import pytest

from api_edge.responses.choice import chosen
from api_edge.responses.hosted import with_session
from api_edge.responses.offers import offers_in, usual_offers
from contracts.errors import ApiError
from contracts.responses.plan import OfferKind
from tests.api_edge.responses.tools import known

FUNCTION = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
WEB, FILES, CODE = {"type": "web_search"}, {"type": "file_search"}, {"type": "code_interpreter"}
TICKETS = {"type": "mcp", "server_label": "tickets"}
EQ = {"type": "eq", "key": "topic", "value": "travel"}


def test_a_function_is_the_clients_own() -> None:
    offers = offers_in([FUNCTION | {"strict": True, "description": "Now"}], known())

    assert offers.offered[0].kind is OfferKind.FUNCTION
    assert offers.offered[0].tool is None
    assert offers.functions[0] == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Now",
            "parameters": FUNCTION["parameters"],
            "strict": True,
        },
    }


@pytest.mark.parametrize(
    ("tool", "names", "arguments"),
    [
        (WEB, ["google_search", "scrape"], {}),
        ({"type": "web_search_preview"}, ["google_search", "scrape"], {}),
        (
            WEB
            | {
                "filters": {"allowed_domains": ["example.com"]},
                "user_location": {"type": "approximate", "country": "PT", "city": "Lisbon"},
            },
            ["google_search", "scrape"],
            {"domain_allow_list": ["example.com"], "gl": "pt", "location_hint": "Lisbon"},
        ),
        (WEB | {"external_web_access": False}, ["google_search"], {"offline_mode": True}),
        (FILES, ["file_search_query"], {}),
        (
            FILES | {"vector_store_ids": ["vs_1"], "max_num_results": 3, "filters": EQ},
            ["file_search_query"],
            {"tags": ["vs_1"], "top_k": 3, "metadata": {"topic": "travel"}},
        ),
        (
            FILES | {"filters": {"type": "and", "filters": [EQ, EQ | {"key": "year", "value": 2026}]}},
            ["file_search_query"],
            {"metadata": {"topic": "travel", "year": 2026}},
        ),
        (CODE, ["python_exec"], {}),
        (CODE | {"container": {"type": "auto"}}, ["python_exec"], {}),
        (CODE | {"container": "cntr_1"}, ["python_exec"], {"session_id": "cntr_1"}),
    ],
)
def test_hosted_tools_are_done_by_ours(
    tool: dict[str, Any], names: list[str], arguments: dict[str, Any]
) -> None:
    offers = offers_in([tool], known())

    assert [one.name for one in offers.offered] == names
    assert offers.offered[0].arguments == arguments
    shown = offers.functions[0]["function"]["parameters"]["properties"]
    assert shown.keys().isdisjoint({*arguments, "approved", "session_id"})


def test_pages_are_read_only_where_it_may_search() -> None:
    offers = offers_in([WEB | {"filters": {"allowed_domains": ["example.com"]}}], known())

    assert [one.name for one in offers.offered] == ["google_search", "scrape"]
    assert offers.offered[1].arguments == {"domain_allow_list": ["example.com"]}


def test_programs_without_a_container_share_that_of_the_response() -> None:
    offers = offers_in([CODE, FUNCTION], known())

    assert [with_session(one, "resp_1").arguments for one in offers.offered] == [{"session_id": "resp_1"}, {}]


def test_a_server_is_asked_for_unless_its_client_says_otherwise() -> None:
    offers = offers_in([TICKETS], known())

    assert [(one.name, one.shown_name, one.needs_approval) for one in offers.offered] == [
        ("tickets_search", "search", True),
        ("tickets_close", "close", True),
    ]
    assert offers.lists[0]["server_label"] == "tickets"
    assert [tool["name"] for tool in offers.lists[0]["tools"]] == ["search", "close"]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ({"require_approval": "never"}, []),
        ({"require_approval": {"never": {"tool_names": ["search"]}}}, ["close"]),
        ({"require_approval": {"never": {"read_only": True}}}, ["close"]),
        ({"require_approval": {"always": {"tool_names": ["search"]}}}, ["search", "close"]),
        (
            {
                "require_approval": {
                    "always": {"tool_names": ["close"]},
                    "never": {"tool_names": ["close", "search"]},
                }
            },
            ["close"],
        ),
        ({"allowed_tools": ["close"]}, ["close"]),
        ({"allowed_tools": {"read_only": True}}, ["search"]),
    ],
)
def test_tools_that_need_approval(said: dict[str, Any], asked: list[str]) -> None:
    offers = offers_in([TICKETS | said], known())

    assert [one.shown_name for one in offers.offered if one.needs_approval] == asked


def test_our_own_tools_have_the_label_jan() -> None:
    offers = offers_in([{"type": "mcp", "server_label": "jan", "require_approval": "never"}], known())

    assert offers.offered == usual_offers(known()).offered
    assert offers.lists == usual_offers(known()).lists
    assert {one.kind for one in offers.offered} == {OfferKind.MCP}


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ([FUNCTION, {"type": "image_generation"}], "tools[1].type"),
        ([{}], "tools[0].type"),
        ([FUNCTION | {"name": "a b"}], "tools[0].name"),
        ([{"type": "function"}], "tools[0].name"),
        ([FUNCTION | {"parameters": {"type": "array"}}], "tools[0].parameters"),
        ([FUNCTION, FUNCTION], "tools[1]"),
        ([FUNCTION | {"name": "google_search"}, WEB], "tools[1]"),
        ([WEB, WEB], "tools[1]"),
        ([TICKETS, TICKETS], "tools[1]"),
        ([WEB | {"filters": {"allowed_domains": ["not a host"]}}], "tools[0].filters.allowed_domains[0]"),
        ([WEB | {"user_location": {"country": "Portugal"}}], "tools[0].user_location.country"),
        ([FILES | {"vector_store_ids": ["a", "b"]}], "tools[0].vector_store_ids"),
        ([FILES | {"max_num_results": 21}], "tools[0].max_num_results"),
        ([FILES | {"filters": EQ | {"type": "gt"}}], "tools[0].filters.type"),
        ([FILES | {"filters": {"type": "or", "filters": [EQ]}}], "tools[0].filters.type"),
        (
            [FILES | {"filters": {"type": "and", "filters": [EQ, EQ | {"value": 1}]}}],
            "tools[0].filters.filters[1]",
        ),
        ([FILES | {"ranking_options": {"score_threshold": 0.5}}], "tools[0].ranking_options.score_threshold"),
        ([CODE | {"container": "not an id"}], "tools[0].container"),
        ([CODE | {"container": {"type": "auto", "file_ids": ["f"]}}], "tools[0].container.file_ids"),
        ([{"type": "mcp"}], "tools[0].server_label"),
        ([TICKETS | {"server_url": "https://example.com/mcp"}], "tools[0].server_url"),
        ([TICKETS | {"connector_id": "c"}], "tools[0].connector_id"),
        ([TICKETS | {"authorization": "t"}], "tools[0].authorization"),
        ([TICKETS | {"headers": {}}], "tools[0].headers"),
        ([{"type": "mcp", "server_label": "nobody"}], "tools[0].server_label"),
        ([TICKETS | {"allowed_tools": ["search", "drop"]}], "tools[0].allowed_tools[1]"),
        (
            [TICKETS | {"require_approval": {"never": {"tool_names": ["drop"]}}}],
            "tools[0].require_approval.never.tool_names[0]",
        ),
        ([TICKETS | {"require_approval": "sometimes"}], "tools[0].require_approval"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_its_path(tools: list[dict[str, Any]], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        offers_in(tools, known())

    assert caught.value.detail.status == 400
    assert caught.value.detail.param == param
    assert caught.value.detail.message.startswith(param)


@pytest.mark.parametrize(
    ("tool", "off"),
    [(WEB, "google_search"), (FILES, "file_search_query"), (CODE, "python_exec")],
)
def test_a_tool_that_is_off_says_why(tool: dict[str, Any], off: str) -> None:
    with pytest.raises(ApiError, match="which is off: no key"):
        offers_in([tool], known(off=off))
    with pytest.raises(ApiError, match="not offered here"):
        offers_in([tool], known(disabled=off))


def test_searching_goes_without_reading_where_that_is_off() -> None:
    assert [one.name for one in offers_in([WEB], known(off="scrape")).offered] == ["google_search"]


def test_of_a_server_only_what_is_on_is_offered_unless_it_is_named() -> None:
    offers = offers_in([TICKETS], known(off="tickets_close"))

    assert [one.shown_name for one in offers.offered] == ["search"]
    with pytest.raises(ApiError, match="off: no key"):
        offers_in([TICKETS | {"allowed_tools": ["close"]}], known(off="tickets_close"))


@pytest.mark.parametrize(
    ("choice", "told", "left"),
    [
        (None, None, 5),
        ("auto", "auto", 5),
        ("none", "none", 5),
        ("required", "required", 5),
        (
            {"type": "function", "name": "weather"},
            {"type": "function", "function": {"name": "weather"}},
            5,
        ),
        ({"type": "web_search"}, {"type": "function", "function": {"name": "google_search"}}, 5),
        ({"type": "mcp", "server_label": "tickets"}, "required", 5),
        (
            {"type": "mcp", "server_label": "tickets", "name": "close"},
            {"type": "function", "function": {"name": "tickets_close"}},
            5,
        ),
        ({"type": "allowed_tools", "mode": "required", "tools": [WEB]}, "required", 2),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "weather"}, TICKETS],
            },
            "auto",
            3,
        ),
    ],
)
def test_a_choice_is_told_as_a_chat_has_it(choice: Any, told: object, left: int) -> None:  # any form
    offers = chosen(offers_in([FUNCTION, WEB, TICKETS], known()), choice)

    assert offers.choice == told
    assert len(offers.offered) == len(offers.functions) == left


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ("maybe", "tool_choice"),
        ({"type": "custom", "name": "x"}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "function", "name": "other"}, "tool_choice"),
        ({"type": "file_search"}, "tool_choice"),
        ({"type": "allowed_tools", "mode": "none", "tools": [WEB]}, "tool_choice.mode"),
        ({"type": "allowed_tools", "tools": []}, "tool_choice.tools"),
        ({"type": "allowed_tools", "tools": [FILES]}, "tool_choice.tools[0]"),
        ({"type": "allowed_tools", "tools": [1]}, "tool_choice.tools[0].type"),
    ],
)
def test_a_choice_of_what_is_not_offered_is_refused(choice: Any, param: str) -> None:  # any form
    with pytest.raises(ApiError) as caught:
        chosen(offers_in([FUNCTION, WEB], known()), choice)

    assert caught.value.detail.param == param


def test_without_tools_there_is_nothing_to_choose() -> None:
    assert chosen(offers_in([], known()), "none").choice is None
    with pytest.raises(ApiError, match="there are no tools"):
        chosen(offers_in([], known()), "required")
