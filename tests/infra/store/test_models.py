"""The models of each provider."""

from datetime import UTC, datetime

import pytest

from contracts.wire.models import Model
from infra.database import Database
from infra.store.models import offered_models, replace_models

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def model(name: str, created: int = 1) -> Model:
    return Model(id=name, created=created, owned_by="somebody")


async def test_provider_replaces_its_own_models_and_no_others(store: Database) -> None:
    async with store.begin() as session:
        await replace_models(session, "one", [model("a"), model("b")], NOW)
        await replace_models(session, "two", [model("b")], NOW)

    async with store.begin() as session:
        await replace_models(session, "one", [model("b", created=2), model("c")], NOW)

    async with store.begin() as session:
        rows = await offered_models(session)
    assert [(row.model_id, row.provider, row.created) for row in rows] == [
        ("b", "one", 2),
        ("b", "two", 1),
        ("c", "one", 1),
    ]


async def test_provider_without_models_offers_none(store: Database) -> None:
    async with store.begin() as session:
        await replace_models(session, "one", [model("a")], NOW)
        await replace_models(session, "one", [], NOW)

    async with store.begin() as session:
        assert await offered_models(session) == []


async def test_moment_in_milliseconds_fits(store: Database) -> None:
    async with store.begin() as session:
        await replace_models(session, "one", [model("a", created=1_800_000_000_000)], NOW)

    async with store.begin() as session:
        assert (await offered_models(session))[0].created == 1_800_000_000_000
