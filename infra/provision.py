"""Brings a deployment to the state that edge and workers need: tables, a signing key, the providers that are
declared, topics, a bucket, and a first admin where the environment has a key for one.

Run it as `python -m infra.provision`, as often as one likes. What is not up yet is waited for, with a limit.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from contracts.errors import ApiError
from contracts.topics import catalogue
from infra.bus.errors import BusError
from infra.bus.topics import create_topics
from infra.database import open_database
from infra.declaring import BadDeclaration
from infra.migrations.upgrade import upgrade
from infra.notices import open_notices
from infra.objects import open_objects
from infra.registry.bootstrap import write_down
from infra.registry.declared import of_embeddings, of_environment, of_file
from infra.registry.reading import tell_changed
from infra.relay.redis import open_redis
from infra.sealing import SealBroken, Sealer
from infra.settings import (
    DatabaseSettings,
    KafkaSettings,
    ObjectSettings,
    Settings,
    inherited_environment,
    read_settings,
)
from infra.store.first_admin import UnfitKey, admin_key, ensure_first_admin
from infra.store.resealing import reseal
from infra.store.signing_keys import ensure_signing_key
from infra.tools.bootstrap import write_servers_down
from infra.tools.declared import servers_of_file
from infra.tools.reading import tell_changed as tell_tools_changed
from infra.tools.servers import tell_servers_changed

PATIENCE = 60.0
"""Seconds that each dependency gets to come up."""
PAUSE = 0.25
"""Seconds between two tries."""

Report = Callable[[str], None]
Work = Callable[[], Awaitable[str]]
"""Does one step, and says in a few words what there is now."""


async def provision(settings: Settings, report: Report, *, patience: float = PATIENCE) -> bool:
    """Do every step, reporting each in one line; returns whether all succeeded."""

    async def step(name: str, work: Work) -> bool:
        return await _tried(name, work, report, patience)

    async def database() -> bool:
        return (
            await step("tables", lambda: _tables(settings.database))
            and await step("signing key", lambda: _signing_key(settings))
            and await step("providers", lambda: _providers(settings))
            and await step("mcp servers", lambda: _servers(settings))
            and await first_admin()
        )

    async def first_admin() -> bool:
        key = settings.identity.admin_key
        return key is None or await step("first admin", lambda: _first_admin(settings, key))

    return all(
        await asyncio.gather(
            database(),
            step("topics", lambda: _topics(settings.kafka)),
            step("bucket", lambda: _bucket(settings.objects)),
        )
    )


def main() -> None:
    """Exit with 1 when something could not be reached."""
    succeeded = asyncio.run(provision(read_settings("infra.provision"), _say))
    sys.exit(0 if succeeded else 1)


async def _tried(name: str, work: Work, report: Report, patience: float) -> bool:
    began = time.monotonic()
    while True:
        try:
            state = await work()
        except (ApiError, BusError) as error:
            if time.monotonic() - began >= patience:
                report(f"{name}: failed after {time.monotonic() - began:.1f} s: {_reason(error)}")
                return False
            await asyncio.sleep(PAUSE)
        except (SealBroken, UnfitKey, BadDeclaration) as error:  # waiting mends none of them
            report(f"{name}: failed after {time.monotonic() - began:.1f} s: {_reason(error)}")
            return False
        else:
            report(f"{name}: {state} ({time.monotonic() - began:.2f} s)")
            return True


async def _tables(settings: DatabaseSettings) -> str:
    async with open_database(settings) as database:
        await database.ping()  # within the usual limit; a migration has a longer one
    return f"at revision {await upgrade(settings)}"


async def _signing_key(settings: Settings) -> str:
    """The newest key; those from before there were seals are sealed."""
    sealer = Sealer(settings.seal)
    async with open_database(settings.database) as database:
        async with database.begin() as session:
            key = await ensure_signing_key(session, sealer, datetime.now(UTC))
        await reseal(database, sealer, only_plain=True)
    return f"{key.algorithm} {key.kid}"


async def _first_admin(settings: Settings, key: SecretStr) -> str:
    fit = admin_key(key, settings.identity)
    async with open_database(settings.database) as database, database.begin() as session:
        return await ensure_first_admin(session, fit, datetime.now(UTC))


async def _providers(settings: Settings) -> str:
    """What the environment and the file declare. Without an address in the environment, a file is all."""
    own, sealer, now = settings.provider, Sealer(settings.seal), datetime.now(UTC)
    beside = of_embeddings(own)
    declared = {"environment": [of_environment(own), *beside], "file": []}
    if own.file is not None:
        declared["file"] = of_file(Path(own.file), inherited_environment())
        if "url" not in own.model_fields_set:
            declared["environment"] = beside
    async with open_database(settings.database) as database, database.begin() as session:
        done = [
            await write_down(session, sealer, providers, source, now)
            for source, providers in declared.items()
        ]
    counts = [sum(numbers) for numbers in zip(*(astuple(one) for one in done), strict=True)]
    if any(counts):
        await _tell(settings)
    return (
        f"{sum(map(len, declared.values()))}, {counts[0]} new, {counts[1]} changed, {counts[2]} switched off"
    )


async def _servers(settings: Settings) -> str:
    """What the file declares; without a file, none."""
    path = settings.mcp.servers_file
    declared = [] if path is None else servers_of_file(path, inherited_environment())
    sealer, now = Sealer(settings.seal), datetime.now(UTC)
    async with open_database(settings.database) as database, database.begin() as session:
        done = await write_servers_down(session, sealer, declared, now)
    if done.is_news:
        async with open_redis(settings.redis) as redis, open_notices(redis) as notices:
            await tell_servers_changed(notices)
            await tell_tools_changed(notices)
    return f"{len(declared)}, {done.made} new, {done.changed} changed, {done.removed} removed"


async def _tell(settings: Settings) -> None:
    """Let running processes know; they read it again within half a minute where Redis is away."""
    async with open_redis(settings.redis) as redis, open_notices(redis) as notices:
        await tell_changed(notices)


async def _topics(settings: KafkaSettings) -> str:
    topics = catalogue()
    changes = await create_topics(settings, topics)
    return f"{len(topics)}, of which {len(changes.created)} new"


async def _bucket(settings: ObjectSettings) -> str:
    async with open_objects(settings) as objects:
        made = await objects.ensure_bucket()
    return f"{settings.bucket}, {'new' if made else 'already there'}"


def _reason(error: Exception) -> str:
    """The error and what is behind it, each in one line."""
    behind = error.__cause__
    parts = [str(error)] if behind is None else [str(error), f"{type(behind).__name__}: {behind}"]
    return " - ".join(part.partition("\n")[0] for part in parts)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
