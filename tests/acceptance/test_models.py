"""The provider's models, as the worker told them."""

import openai
import pytest
from openai import AsyncOpenAI

from tests.conftest import MODELS


async def test_the_list_holds_every_model_once(sdk: AsyncOpenAI, models: list[str]) -> None:
    assert models == sorted(MODELS)


async def test_a_model_is_read_by_its_id(sdk: AsyncOpenAI, models: list[str]) -> None:
    model = await sdk.models.retrieve("scripted")

    assert model.id == "scripted"
    assert model.object == "model"
    assert model.owned_by == "scripted"
    assert model.created > 0


@pytest.mark.parametrize("name", ["vendor/scripted-large", "local/scripted", "local/vendor/scripted-large"])
async def test_a_model_is_found_by_names_with_slashes(sdk: AsyncOpenAI, models: list[str], name: str) -> None:
    model = await sdk.models.retrieve(name)

    assert model.id == name.removeprefix("local/")


async def test_an_unknown_model_is_not_found(sdk: AsyncOpenAI, models: list[str]) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await sdk.models.retrieve("no-such-model")

    assert raised.value.code == "model_not_found"


async def test_models_need_a_token(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="nobody").models.list()
