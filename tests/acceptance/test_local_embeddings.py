"""The local stack's own embeddings, asked for by the official SDK through the running product."""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI, BadRequestError

from infra.embedded.embedder import MODEL
from tests.acceptance.waiting import until
from tests.product import Product

pytestmark = pytest.mark.stack
PASSAGES = ["The desert is hot and dry.", "Customers get their money back.", "Fever and cough are common."]


@pytest.fixture
async def embedding_sdk(product: Product, embedder_url: str, sdk: AsyncOpenAI) -> AsyncIterator[AsyncOpenAI]:
    """The SDK of a product that has them, for as long as the test runs."""
    await product.provision({"JAN_PROVIDER_EMBEDDINGS_URL": embedder_url})

    async def is_listed() -> bool:
        return MODEL in [model.id async for model in sdk.models.list()]

    await until(is_listed)
    yield sdk
    await product.provision()


async def test_a_question_finds_its_passage(embedding_sdk: AsyncOpenAI) -> None:
    answer = await embedding_sdk.embeddings.create(model=MODEL, input=["symptoms of flu", *PASSAGES])

    question, *passages = [one.embedding for one in answer.data]
    alike = [sum(map(float.__mul__, question, passage)) for passage in passages]
    assert alike.index(max(alike)) == 2
    assert answer.usage.prompt_tokens > 20


async def test_numbers_are_the_same_in_both_encodings(embedding_sdk: AsyncOpenAI) -> None:
    packed = await embedding_sdk.embeddings.create(model=MODEL, input="a river", dimensions=64)
    plain = await embedding_sdk.embeddings.create(
        model=MODEL, input="a river", dimensions=64, encoding_format="float"
    )

    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_model_that_only_embeds_is_not_asked_to_speak(
    embedding_sdk: AsyncOpenAI, *, is_stream: bool
) -> None:
    with pytest.raises(BadRequestError) as chatted:
        await embedding_sdk.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hi"}], stream=is_stream
        )
    with pytest.raises(BadRequestError) as completed:
        await embedding_sdk.completions.create(model=MODEL, prompt="hi", stream=is_stream)

    assert [error.value.param for error in (chatted, completed)] == ["model", "model"]
    assert MODEL in str(chatted.value)
