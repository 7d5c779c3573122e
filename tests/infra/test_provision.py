"""Provisioning on real servers, and without them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from contracts.ids import new_ulid
from contracts.topics import catalogue
from infra.bus.errors import BusUnavailable
from infra.bus.topics import open_admin
from infra.database import DatabaseUnavailable, open_database
from infra.objects import open_objects
from infra.provision import _tried, provision
from infra.sealing import Sealer
from infra.settings import (
    DatabaseSettings,
    KafkaSettings,
    ObjectSettings,
    SealSettings,
    Settings,
    inherited_environment,
)
from infra.store.keyring import open_keyring
from infra.store.signing_keys import SEALED, signing_key_rows
from tests.infra.store.scratch import scratch_database

pytestmark = pytest.mark.stack

NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def deployment(
    kafka: KafkaSettings, database: DatabaseSettings, objects: ObjectSettings
) -> AsyncIterator[Settings]:
    async with scratch_database(database) as scratch:
        bucket = objects.model_copy(update={"bucket": f"b-{new_ulid().lower()}"})
        yield Settings(kafka=kafka, database=scratch, objects=bucket)


async def test_empty_servers_get_tables_key_topics_and_bucket(deployment: Settings) -> None:
    lines: list[str] = []

    succeeded = await provision(deployment, lines.append)

    assert succeeded
    steps = {"tables", "signing key", "providers", "mcp servers", "topics", "bucket"}
    assert {line.partition(":")[0] for line in lines} == steps
    async with open_database(deployment.database) as database:
        ring = await open_keyring(database, Sealer(deployment.seal), deployment.identity)
        assert ring.current().kid in "".join(lines)
    async with open_objects(deployment.objects) as objects:
        await objects.ping()
    async with open_admin(deployment.kafka) as admin:
        assert {topic.name for topic in catalogue()} <= set(await admin.list_topics())


async def test_second_run_changes_nothing(deployment: Settings) -> None:
    first: list[str] = []
    second: list[str] = []
    await provision(deployment, first.append)

    succeeded = await provision(deployment, second.append)

    assert succeeded
    assert next(line for line in first if "signing key" in line).split()[3] in "".join(second)
    assert "already there" in "".join(second)
    assert "0 new" in "".join(second)


async def test_a_key_in_the_environment_makes_an_admin(deployment: Settings) -> None:
    key = SecretStr(f"sk_live_{'a' * 48}")
    settings = deployment.model_copy(
        update={"identity": deployment.identity.model_copy(update={"admin_key": key})}
    )
    lines: list[str] = []

    succeeded = await provision(settings, lines.append)

    assert succeeded
    assert any(line.startswith("first admin: admin ") for line in lines)
    assert key.get_secret_value() not in "".join(lines)


async def test_what_is_no_admins_key_is_told_at_once(deployment: Settings) -> None:
    settings = deployment.model_copy(
        update={"identity": deployment.identity.model_copy(update={"admin_key": SecretStr("hunter2")})}
    )
    lines: list[str] = []

    succeeded = await provision(settings, lines.append)

    assert not succeeded
    assert any("first admin: failed" in line and "JAN_AUTH_ADMIN_KEY" in line for line in lines)
    assert "hunter2" not in "".join(lines)


async def test_signing_key_from_before_there_were_seals_is_sealed(deployment: Settings) -> None:
    await provision(deployment, lambda _: None)
    async with open_database(deployment.database) as database:
        async with database.begin() as session:
            (row,) = await signing_key_rows(session)
            row.private_pem = SEALED.open(Sealer(deployment.seal), row.kid, row.private_pem)

        succeeded = await provision(deployment, lambda _: None)

        async with database.begin() as session:
            (row,) = await signing_key_rows(session)
    assert succeeded
    assert row.private_pem.startswith("s1.")


async def test_key_that_does_not_open_is_said_at_once(deployment: Settings) -> None:
    await provision(deployment, lambda _: None)
    other = SealSettings(keys=(SecretStr("other:0123456789abcdef"),))
    lines: list[str] = []

    succeeded = await provision(deployment.model_copy(update={"seal": other}), lines.append, patience=600)

    assert not succeeded
    assert any("which JAN_SEAL_KEYS does not hold" in line for line in lines)


async def test_dependency_that_comes_late_is_waited_for() -> None:
    lines: list[str] = []
    outages = [DatabaseUnavailable(), BusUnavailable("no broker")]

    async def work() -> str:
        if outages:
            raise outages.pop()
        return "there"

    succeeded = await _tried("thing", work, lines.append, patience=30)

    assert succeeded
    assert [line.partition(" (")[0] for line in lines] == ["thing: there"]


async def test_what_cannot_be_reached_is_named_with_its_reason(deployment: Settings) -> None:
    gone = Settings(
        kafka=deployment.kafka.model_copy(update={"bootstrap": NOWHERE, "request_timeout_ms": 500}),
        database=DatabaseSettings(url=SecretStr(f"postgresql://jan:hunter2@{NOWHERE}/jan")),
        objects=deployment.objects,
    )
    lines: list[str] = []

    succeeded = await provision(gone, lines.append, patience=0)

    failures = {line.partition(":")[0]: line for line in lines if "failed" in line}
    assert not succeeded
    assert set(failures) == {"tables", "topics"}
    assert "ConnectionRefusedError" in failures["tables"]
    assert "hunter2" not in "".join(lines)
    assert any(line.startswith("bucket: b-") for line in lines)


async def test_module_run_as_a_program_prints_a_line_for_each_step(deployment: Settings) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.provision",
        cwd=Path(__file__).parents[2],
        env=inherited_environment() | addresses(deployment),
        stdout=asyncio.subprocess.PIPE,
    )

    output, _ = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 0
    assert len(output.splitlines()) == 6


def addresses(settings: Settings) -> dict[str, str]:
    return {
        "JAN_KAFKA_BOOTSTRAP": settings.kafka.bootstrap,
        "JAN_KAFKA_FLAVOR": settings.kafka.flavor,
        "JAN_DATABASE_URL": settings.database.url.get_secret_value(),
        "JAN_S3_ENDPOINT": settings.objects.endpoint,
        "JAN_S3_ACCESS_KEY": settings.objects.access_key,
        "JAN_S3_SECRET_KEY": settings.objects.secret_key.get_secret_value(),
        "JAN_S3_BUCKET": settings.objects.bucket,
    }
