"""The errors in OpenAPI are those of the catalogue."""

import pytest

from api_edge.document.errors import DESCRIPTIONS, MESSAGES, USUAL, error_answer, error_examples, status_of
from contracts.errors import CATALOGUE, ErrorCode

KEYS = {"type", "code", "message", "param", "request_id"}


def test_every_code_has_an_example_in_the_one_shape() -> None:
    examples = error_examples()

    assert set(MESSAGES) == set(CATALOGUE)
    for code, (kind, _) in CATALOGUE.items():
        error = examples[code.value]["value"]["error"]
        assert set(error) == KEYS
        assert (error["type"], error["code"]) == (kind.value, code.value)


def test_every_status_is_described() -> None:
    statuses = {status for _, status in CATALOGUE.values()}

    assert statuses == set(DESCRIPTIONS)


@pytest.mark.parametrize(("status", "code"), USUAL.items())
def test_a_status_alone_means_a_code_of_it(status: int, code: ErrorCode) -> None:
    assert status_of(code) == status


def test_an_answer_names_each_of_its_codes_once() -> None:
    codes = [ErrorCode.NOT_FOUND, ErrorCode.MODEL_NOT_FOUND, ErrorCode.NOT_FOUND]

    answer = error_answer(codes, None, {})

    assert answer["description"] == DESCRIPTIONS[404]
    assert list(answer["content"]["application/json"]["examples"]) == ["model_not_found", "not_found"]
