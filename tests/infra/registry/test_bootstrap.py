"""Declared providers, written down again and again."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlmodel import select

from infra.database import Database
from infra.registry.bootstrap import Declared, write_down
from infra.registry.declared import DeclaredProvider
from infra.sealing import Sealer
from infra.settings import SealSettings
from infra.store.audit import AuditRow
from infra.store.provider_models import offered
from infra.store.providers import SEALED, ProviderRow, provider_called

pytestmark = pytest.mark.stack
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SEALER = Sealer(SealSettings(keys=(SecretStr("one:one-0123456789abcdef"),)))
ONE = DeclaredProvider(name="one", url="http://one/v1", api_key=SecretStr("sk-one-0123456789"))


async def written(store: Database, *declared: DeclaredProvider, at: datetime = NOW) -> Declared:
    async with store.begin() as session:
        return await write_down(session, SEALER, declared, "file", at)


async def row(store: Database, name: str = "one") -> ProviderRow:
    async with store.begin() as session:
        found = await provider_called(session, name)
    assert found is not None
    return found


async def test_a_provider_is_made_with_its_key_sealed(store: Database) -> None:
    assert await written(store, ONE) == Declared(made=1)

    made = await row(store)
    assert made.sealed_key is not None
    assert "sk-one" not in made.sealed_key
    assert SEALED.open(SEALER, made.provider_id, made.sealed_key) == "sk-one-0123456789"
    assert (made.key_hint, made.is_trusted, made.source, made.revision) == ("6789", True, "file", 1)


async def test_the_same_again_changes_nothing(store: Database) -> None:
    await written(store, ONE)
    before = await row(store)

    assert await written(store, ONE, at=NOW + timedelta(days=1)) == Declared()
    assert (await row(store)).model_dump() == before.model_dump()


async def test_what_is_declared_otherwise_is_another_revision(store: Database) -> None:
    await written(store, ONE)

    other = ONE.model_copy(update={"url": "http://two/v1", "api_key": None, "media": "link"})
    assert await written(store, other) == Declared(changed=1)

    changed = await row(store)
    assert (changed.endpoints[0]["url"], changed.sealed_key, changed.revision) == ("http://two/v1", None, 2)
    assert changed.media == "link"


async def test_what_is_declared_no_more_is_off_until_it_is_again(store: Database) -> None:
    await written(store, ONE)

    assert await written(store) == Declared(removed=1)
    assert not (await row(store)).is_active
    await written(store, ONE)
    assert (await row(store)).is_active


async def test_what_an_admin_switched_off_stays_off(store: Database) -> None:
    await written(store, ONE)
    async with store.begin() as session:
        found = await provider_called(session, "one")
        assert found is not None
        found.is_active = False

    await written(store, ONE.model_copy(update={"url": "http://two/v1"}))

    assert not (await row(store)).is_active


async def test_a_declared_price_is_there_before_any_list_is_read(store: Database) -> None:
    await written(store, ONE.model_copy(update={"prices": {"gpt-x": "1.5/6"}}))

    async with store.begin() as session:
        ((model, _, catalog),) = await offered(session)
    assert (model.input_price, model.output_price, catalog.catalog_id) == (
        1_500_000,
        6_000_000,
        "openai/gpt-x",
    )


async def test_every_change_is_in_the_audit_log_without_the_key(store: Database) -> None:
    await written(store, ONE)
    await written(store, ONE.model_copy(update={"api_key": SecretStr("sk-two-0123456789")}))

    async with store.begin() as session:
        changes = list(await session.exec(select(AuditRow)))
    assert sorted(change.action for change in changes) == ["provider.create", "provider.update"]
    assert "sk-" not in str([change.changes for change in changes])
