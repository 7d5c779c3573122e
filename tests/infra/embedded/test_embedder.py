"""The local embeddings, by HTTP, with the words of the wheel."""

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from contracts.wire.embeddings import EmbeddingRequest
from infra.embedded.embedder import MODEL, MOST_TOKENS, Embedder, embedder_app, read_embedder

Json = dict[str, Any]
PAIRS = [
    ("How do I reset my password?", "To choose a new login secret, follow the recovery link sent by mail."),
    ("What is the capital of France?", "Paris is the seat of the French government."),
    ("cheap flights to Berlin", "Low-cost airline tickets to Germany's largest city from 29 euros."),
    ("my dog will not eat", "A loss of appetite in pets can have many causes; ask a veterinarian."),
    ("refund policy", "Customers get their money back within thirty days of purchase."),
    ("best time to plant tomatoes", "Set out the seedlings after the last frost, in late spring."),
    ("symptoms of flu", "Fever, cough, aching muscles and tiredness are common in influenza."),
    ("increase database speed", "Adding an index makes queries of a large table faster."),
    ("engine oil change interval", "Replace the lubricant of the motor every 15,000 kilometres."),
    ("climate of the Sahara", "The desert is hot and dry, with little rain and cold nights."),
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The words, read once."""
    return read_embedder()


@pytest_asyncio.fixture
async def client(embedder: Embedder) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of its routes."""
    async with TestClient(TestServer(embedder_app(embedder))) as client:
        yield client


async def asked(client: TestClient[Any, Any], **body: object) -> tuple[int, Json]:
    """The status and the answer."""
    async with client.post("/v1/embeddings", json={"model": MODEL, **body}) as answer:
        return answer.status, await answer.json()


async def vectors(client: TestClient[Any, Any], texts: object) -> list[list[float]]:
    """Those of an answer that must be good."""
    status, answer = await asked(client, input=texts)
    assert status == 200
    return [one["embedding"] for one in answer["data"]]


async def test_each_question_finds_its_own_passage(client: TestClient[Any, Any]) -> None:
    questions = await vectors(client, [question for question, _ in PAIRS])
    passages = await vectors(client, [passage for _, passage in PAIRS])

    found = [
        max(range(len(passages)), key=lambda at: sum(map(float.__mul__, one, passages[at])))
        for one in questions
    ]

    assert found == list(range(len(PAIRS)))


async def test_an_answer_has_the_shape_of_openais(client: TestClient[Any, Any]) -> None:
    _, answer = await asked(client, input=["a river", "a city"])

    assert (answer["object"], answer["model"]) == ("list", MODEL)
    assert [(one["object"], one["index"], len(one["embedding"])) for one in answer["data"]] == [
        ("embedding", 0, 256),
        ("embedding", 1, 256),
    ]
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


async def test_base64_holds_the_same_numbers(client: TestClient[Any, Any]) -> None:
    (plain,) = await vectors(client, "a river")
    _, answer = await asked(client, input="a river", encoding_format="base64")

    packed = base64.b64decode(answer["data"][0]["embedding"])
    assert struct.unpack("<256f", packed) == pytest.approx(plain, abs=1e-6)


async def test_fewer_dimensions_are_given(client: TestClient[Any, Any]) -> None:
    _, answer = await asked(client, input="a river", dimensions=64)

    vector = answer["data"][0]["embedding"]
    assert len(vector) == 64
    assert sum(one * one for one in vector) == pytest.approx(1.0)


async def test_tokens_are_as_good_as_their_text(client: TestClient[Any, Any]) -> None:
    assert await vectors(client, [263, 8580]) == await vectors(client, "a river")
    assert await vectors(client, [[263, 8580], [263]]) == await vectors(client, ["a river", "a"])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "a", "dimensions": 257}, "dimensions"),
        ({"input": [32_000]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": "word " * (MOST_TOKENS + 1)}, "input"),
        ({"input": []}, "input"),
        ({}, "input"),
    ],
)
async def test_what_cannot_be_had_is_refused_by_its_field(
    client: TestClient[Any, Any], body: Json, param: str
) -> None:
    status, answer = await asked(client, **body)

    assert (status, answer["error"]["type"], answer["error"]["param"]) == (
        400,
        "invalid_request_error",
        param,
    )


async def test_its_model_is_listed_as_one_that_embeds(client: TestClient[Any, Any]) -> None:
    async with client.get("/v1/models") as answer:
        (model,) = (await answer.json())["data"]

    assert (model["id"], model["capabilities"]) == (MODEL, {"embeddings": True})


async def test_the_documents_example_is_answered(client: TestClient[Any, Any]) -> None:
    config = EmbeddingRequest.model_config["json_schema_extra"]
    assert isinstance(config, dict)
    example = config["example"]

    async with client.post("/v1/embeddings", json=example) as answer:
        told = await answer.json()

    assert isinstance(example, dict)
    assert (answer.status, told["model"]) == (200, example["model"])
