"""A provider's list of models."""

import pytest

from contracts.errors import ApiError
from workers.completion.core import listed_models


def test_models_come_in_openais_shape_by_id() -> None:
    body = (
        b'{"object":"list","models":[],"data":['
        b'{"id":"b/c","object":"model","created":7,"owned_by":"them","root":"/data/models/b"},'
        b'{"id":"a","created":null},{"no":"id"},null]}'
    )

    models = [model.model_dump() for model in listed_models(body, "local")]

    assert models == [
        {"id": "a", "object": "model", "created": 0, "owned_by": "local"},
        {"id": "b/c", "object": "model", "created": 7, "owned_by": "them"},
    ]


def test_a_bare_list_is_understood() -> None:
    assert [model.id for model in listed_models(b' [{"id":"a"}]', "local")] == ["a"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":{}}', b"[1", b'"a"'])
def test_what_is_no_list_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        listed_models(body, "local")

    assert caught.value.detail.code == "provider_bad_answer"
