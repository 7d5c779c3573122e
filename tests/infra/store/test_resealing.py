"""Everything under seal, put under another key."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from infra.database import Database
from infra.identity.keys import Algorithm, SigningKey, new_signing_key
from infra.sealing import SealBroken, Sealer
from infra.settings import SealSettings
from infra.store.resealing import COLUMNS, reseal
from infra.store.schema import schema
from infra.store.sealed import Resealed
from infra.store.signing_keys import SigningKeyRow, signing_key_rows, verifying_keys

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEYS = [new_signing_key(NOW, Algorithm.ES256) for _ in range(3)]

NO_OTHERS = [Resealed(column.name, 0, 0) for column in COLUMNS[1:]]


def sealer(*names: str) -> Sealer:
    return Sealer(SealSettings(keys=tuple(SecretStr(f"{name}:{name}-0123456789abcdef") for name in names)))


async def keep_plain(store: Database, *keys: SigningKey) -> None:
    """Rows as they were before there were seals."""
    async with store.begin() as session:
        for key in keys:
            session.add(
                SigningKeyRow(
                    kid=key.kid,
                    algorithm=key.algorithm.value,
                    private_pem=key.private_pem,
                    created_at=key.created_at,
                )
            )


async def seals(store: Database) -> set[str]:
    async with store.begin() as session:
        return {row.private_pem.rpartition(".")[0] for row in await signing_key_rows(session)}


async def test_plain_rows_are_sealed_and_open_as_they_were(store: Database) -> None:
    await keep_plain(store, *KEYS)

    done = await reseal(store, sealer("one"))

    assert done == [Resealed("signing_keys", 3, 3), *NO_OTHERS]
    assert await seals(store) == {"s1.one"}
    async with store.begin() as session:
        found = await verifying_keys(session, sealer("one"), NOW)
    assert {key.kid: key.private_pem for key in found} == {key.kid: key.private_pem for key in KEYS}


async def test_second_run_changes_nothing(store: Database) -> None:
    await keep_plain(store, *KEYS)
    await reseal(store, sealer("one"))

    assert await reseal(store, sealer("one")) == [Resealed("signing_keys", 3, 0), *NO_OTHERS]


async def test_rotated_key_takes_over_and_the_old_one_can_go(store: Database) -> None:
    await keep_plain(store, *KEYS)
    await reseal(store, sealer("one"))

    done = await reseal(store, sealer("two", "one"))

    assert done == [Resealed("signing_keys", 3, 3), *NO_OTHERS]
    async with store.begin() as session:
        assert len(await verifying_keys(session, sealer("two"), NOW)) == 3


async def test_only_plain_leaves_what_an_older_key_sealed(store: Database) -> None:
    await keep_plain(store, KEYS[0])
    await reseal(store, sealer("one"))
    await keep_plain(store, KEYS[1])

    done = await reseal(store, sealer("two", "one"), only_plain=True)

    assert done == [Resealed("signing_keys", 2, 1), *NO_OTHERS]
    assert await seals(store) == {"s1.one", "s1.two"}


async def test_one_secret_that_does_not_open_leaves_all_as_they_were(store: Database) -> None:
    await keep_plain(store, KEYS[0])
    await reseal(store, sealer("lost"))
    await keep_plain(store, *KEYS[1:])

    with pytest.raises(SealBroken, match="'lost'"):
        await reseal(store, sealer("two"))

    async with store.begin() as session:
        plain = [row for row in await signing_key_rows(session) if row.private_pem.startswith("-----")]
    assert len(plain) == 2


def test_each_registered_column_is_there() -> None:
    for column in COLUMNS:
        table = schema().tables[column.name]
        assert [key.name for key in table.primary_key] == [column.key]
        assert column.secret in table.columns
