"""How a response is planned: its chat's fields, and whether its model knows calls."""

from typing import Any

import pytest

from api_edge.llm.chat import checked
from api_edge.responses.offers import Offers, offers_in
from api_edge.responses.plan import chat_of, is_prompted, plan_of
from api_edge.responses.together import check_together
from contracts.errors import ApiError
from contracts.wire.responses import CreateResponse
from infra.registry.offers import Offer, Provider
from infra.settings import ResponseSettings
from tests.api_edge.responses.tools import known

SETTINGS = ResponseSettings()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
ASK = {"model": "m", "input": "Hi"}


def wanted(**fields: Any) -> CreateResponse:  # as a client sends them
    return checked(CreateResponse, ASK | fields)


@pytest.mark.parametrize(
    ("said", "chat"),
    [
        ({}, {}),
        ({"temperature": 0, "top_p": 1, "seed": 7}, {"temperature": 0, "top_p": 1}),
        ({"max_output_tokens": 9}, {"max_tokens": 9}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"text": {"format": {"type": "text"}}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"top_logprobs": 0}, {}),
        ({"parallel_tool_calls": False}, {}),
        ({"user": "u", "metadata": {"a": "b"}, "store": False}, {"user": "u"}),
    ],
)
def test_a_chat_is_told_only_what_the_client_said(said: dict[str, Any], chat: dict[str, Any]) -> None:
    assert chat_of(wanted(**said), Offers()) == chat


def test_a_plan_holds_what_its_turns_need() -> None:
    said = wanted(
        max_tool_calls=2,
        truncation="auto",
        include=["code_interpreter_call.outputs"],
        metadata={"webhook_url": "https://example.com/hook"},
        parallel_tool_calls=False,
    )
    offers = offers_in([{"type": "code_interpreter"}], known())

    plan = plan_of(said, offers, "resp_1", SETTINGS, is_prompted=True)

    assert plan.offered[0].arguments == {"session_id": "resp_1"}
    assert plan.functions[0]["function"]["name"] == "python_exec"
    assert plan.chat == {"parallel_tool_calls": False}
    assert (plan.max_turns, plan.max_calls, plan.call_seconds) == (8, 2, 45.0)
    assert plan.is_prompted
    assert plan.is_trimmed
    assert plan.include == ("code_interpreter_call.outputs",)
    assert plan.webhook_url == "https://example.com/hook"


class Models:
    """One model, at one provider."""

    def __init__(self, *, lacks: str | None = None, slug: str = "large") -> None:
        self._offer = Offer(
            Provider("prov_1", "local"), slug, f"local/{slug}", lacks=frozenset([lacks] if lacks else ())
        )

    def resolve(self, name: str) -> tuple[Offer, ...]:
        return (self._offer,)


@pytest.mark.parametrize(
    ("models", "name", "expected"),
    [
        (Models(), "large", False),
        (Models(lacks="tools"), "large", True),
        (Models(lacks="images"), "large", False),
        (Models(slug="smollm2-135m-instruct"), "local/smollm2-135m-instruct", True),
        (Models(slug="SmolLM2-1.7B"), "small", True),
    ],
)
def test_a_model_that_knows_no_calls_is_prompted(models: Models, name: str, *, expected: bool) -> None:
    assert is_prompted(models, name, SETTINGS) is expected


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"conversation": "conv_1", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True, "store": False}, "background"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"metadata": {"webhook_url": "ftp://x"}}, "metadata.webhook_url"),
        ({"input": "a\x00b"}, "input"),
        ({"tools": [{"type": "function", "name": "\x00"}]}, "tools[0].name"),
    ],
)
def test_what_does_not_go_together_is_refused(said: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_together(wanted(**said), ASK | said)

    assert caught.value.detail.status == 400
    assert caught.value.detail.param == param


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"model": None}, "model"),
        ({"input": 1}, "input"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tool_calls": 0}, "max_tool_calls"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"truncation": "some"}, "truncation"),
        ({"include": ["everything"]}, "include[0]"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"metadata": {"a" * 65: "b"}}, "metadata." + "a" * 61 + "..."),
        ({"metadata": {"a": "b" * 513}}, "metadata.a"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"background_options": {"completion_window": "8h"}}, "background_options.completion_window"),
        ({"service_tier": "scale"}, "service_tier"),
        ({"stream": "yes"}, "stream"),
        ({"conversation": {}}, "conversation.id"),
    ],
)
def test_a_field_that_is_wrong_is_named(said: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        checked(CreateResponse, ASK | said)

    assert caught.value.detail.status == 400
    assert caught.value.detail.param == param
