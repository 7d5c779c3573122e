"""A provider's list of models."""

import json

import pytest

from contracts.errors import ApiError
from contracts.wire.models import Model
from workers.completion.core import ListedModel, context_of_props, listed_models


def test_models_come_in_openais_shape_by_id() -> None:
    body = (
        b'{"object":"list","models":[],"data":['
        b'{"id":"b/c","object":"model","created":7,"owned_by":"them","root":"/data/models/b"},'
        b'{"id":"a","created":null},{"no":"id"},null]}'
    )

    models = [model.model_dump() for model in listed_models(body, "local")]

    assert [{name: model[name] for name in Model.model_fields} for model in models] == [
        {"id": "a", "object": "model", "created": 0, "owned_by": "local"},
        {"id": "b/c", "object": "model", "created": 7, "owned_by": "them"},
    ]
    assert "/data" not in str(models)


def test_a_bare_list_is_understood() -> None:
    assert [model.id for model in listed_models(b' [{"id":"a"}]', "local")] == ["a"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{}}', b"[1", b'"a"'])
def test_what_is_no_list_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        listed_models(body, "local")

    assert caught.value.detail.code == "provider_bad_answer"


def listed(**entry: object) -> ListedModel:
    """One model, as a list of this entry alone tells it."""
    (model,) = listed_models(json.dumps({"data": [{"id": "m", **entry}]}).encode(), "local")
    assert isinstance(model, ListedModel)
    return model


@pytest.mark.parametrize(
    "entry",
    [
        {"max_model_len": 8_192},
        {"context_length": 8_192, "top_provider": {"context_length": 4_096}},
        {"max_context_length": 8_192},
        {"context_window": 8_192},
        {"meta": {"n_ctx_train": 8_192, "n_params": 1}},
    ],
    ids=["vllm", "openrouter", "mistral", "groq", "llama.cpp"],
)
def test_a_context_length_is_found_under_every_name(entry: dict[str, object]) -> None:
    assert listed(**entry).context_length == 8_192


@pytest.mark.parametrize("length", [0, -1, "8192", 1.5, True, None, 2**31])
def test_what_is_no_length_is_not_known(length: object) -> None:
    assert listed(max_model_len=length).context_length is None


@pytest.mark.parametrize(
    ("dollars", "price"),
    [("0.0000025", 2_500_000), ("0", 0), (0.000001, 1_000_000), ("1e-6", 1_000_000), ("0.00000000015", 150)],
)
def test_a_price_for_a_token_in_dollars_becomes_one_for_a_million_in_millionths(
    dollars: object, price: int
) -> None:
    model = listed(pricing={"prompt": dollars, "completion": dollars})

    assert (model.input_price, model.output_price) == (price, price)


@pytest.mark.parametrize("dollars", ["-1", "free", "", None, "NaN", "Infinity", "1e99", [], {}])
def test_what_is_no_price_is_not_known(dollars: object) -> None:
    assert listed(pricing={"prompt": dollars}).input_price is None


@pytest.mark.parametrize(
    ("entry", "supports"),
    [
        ({"architecture": {"input_modalities": ["text", "image"]}}, {"images": True, "audio": False}),
        ({"capabilities": {"vision": False, "function_calling": True}}, {"images": False, "tools": True}),
        ({"supported_parameters": ["tools", "top_p"]}, {"tools": True, "reasoning": False}),
        ({"capabilities": ["completion"], "architecture": "llama"}, {}),
        ({}, {}),
    ],
)
def test_abilities_are_known_where_they_are_told(entry: dict[str, object], supports: dict[str, bool]) -> None:
    assert listed(**entry).supports == supports


@pytest.mark.parametrize(
    ("props", "length"),
    [
        ({"default_generation_settings": {"n_ctx": 4_096}}, 4_096),
        ({"default_generation_settings": {}}, None),
        ({"default_generation_settings": []}, None),
        ({}, None),
    ],
)
def test_llama_cpp_tells_the_context_that_it_was_started_with(
    props: dict[str, object], length: int | None
) -> None:
    assert context_of_props(props) == length


def test_what_no_database_can_keep_is_left_out_and_a_list_has_an_end() -> None:
    body = json.dumps(
        {
            "data": [
                {"id": "a\0"},
                {"id": ""},
                {"id": "b", "created": 2**70, "owned_by": "x\0"},
                {"id": "c", "created": -1},
            ]
        }
    )

    models = [(one.id, one.created, one.owned_by) for one in listed_models(body.encode(), "local")]

    assert models == [("b", 0, "local"), ("c", 0, "local")]
    many = json.dumps([{"id": f"m{number}"} for number in range(10_001)]).encode()
    assert len(listed_models(many, "local")) == 10_000
