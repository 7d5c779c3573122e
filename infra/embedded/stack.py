"""The whole local stack: which servers it has, in which order its parts start, and how they end.

Servers start side by side; topics, tables and the bucket are made as they come up; then the product starts.
Two nested task groups give the order of the end: the product has ended before the servers are told to.
"""

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from infra.embedded.broker import broker_server
from infra.embedded.child import run_to_end
from infra.embedded.embeddings import embeddings_server
from infra.embedded.jars import Report
from infra.embedded.keeper import Keeper
from infra.embedded.model import model_server
from infra.embedded.part import Part
from infra.embedded.place import Place
from infra.embedded.postgres import postgres_server
from infra.embedded.product import product_parts
from infra.embedded.seaweedfs import seaweedfs_server
from infra.embedded.server import Server
from infra.embedded.state import Phase, StateFile
from infra.embedded.valkey import valkey_server
from infra.settings import StackSettings

PROVISION = "provision"
PROVISION_LIMIT = 120.0


@dataclass(frozen=True)
class Stack:
    """The parts, in the two groups in which they start."""

    servers: tuple[Part, ...]
    product: tuple[Part, ...]
    provision: tuple[str, ...] | None = (sys.executable, "-m", "infra.provision")
    """The command that makes topics, tables and the bucket, between the two."""


def local_stack(settings: StackSettings) -> Stack:
    """Every server that no address in the environment replaces, and the product."""
    return Stack(servers=server_parts(settings), product=product_parts())


def server_parts(settings: StackSettings) -> tuple[Part, ...]:
    """The servers. What an address stands for is a part too, so that it is seen."""

    async def open_kafka(place: Place, report: Report) -> Server:
        return await broker_server(place, report, fallback=settings.broker == "tansu")

    async def open_postgres(place: Place, _report: Report) -> Server:
        return await postgres_server(place)

    async def open_valkey(place: Place, _report: Report) -> Server:
        return await valkey_server(place)

    async def open_s3(place: Place, _report: Report) -> Server:
        return await seaweedfs_server(place)

    async def open_model(place: Place, _report: Report) -> Server:
        return await model_server(place, settings.model_threads)

    async def open_embeddings(place: Place, _report: Report) -> Server:
        return await embeddings_server(place)

    return (
        Part("kafka", open_kafka, settings.given_kafka),
        Part("postgres", open_postgres, without_secret(settings.given_database)),
        Part("valkey", open_valkey, without_secret(settings.given_redis)),
        Part("s3", open_s3, settings.given_objects),
        Part("model", open_model, settings.given_provider),
        Part("embeddings", open_embeddings, settings.given_embeddings),
    )


def without_secret(url: SecretStr | None) -> str | None:
    """What of an address may be shown."""
    if url is None:
        return None
    parts = urlsplit(url.get_secret_value())
    return parts.netloc.rpartition("@")[2] + parts.path


async def run_stack(stack: Stack, place: Place, pen: StateFile) -> None:
    """Start everything, keep it running until cancelled, end it. An ExceptionGroup when it doesn't start."""
    for part in (*stack.servers, *stack.product):
        pen.set_part(part.name, phase=Phase.GIVEN if part.given else Phase.WAITING, address=part.given or "")
    async with asyncio.TaskGroup() as servers:
        keepers = keep(servers, stack.servers, place, pen, {})
        environment = await offers_of(keepers)
        if stack.provision is not None:
            await provision(stack.provision, place, pen, environment)
        await opened(keepers)
        pen.set_stack(lambda state: state.model_copy(update={"environment": environment}))
        async with asyncio.TaskGroup() as product:
            keepers = keep(product, stack.product, place, pen, environment)
            environment |= await offers_of(keepers)
            await opened(keepers)
            done = {"environment": environment, "phase": Phase.READY, "ready_seconds": pen.seconds()}
            pen.set_stack(lambda state: state.model_copy(update=done))


def keep(
    group: asyncio.TaskGroup,
    parts: Iterable[Part],
    place: Place,
    pen: StateFile,
    environment: dict[str, str],
) -> list[Keeper]:
    """Start the parts in `group` side by side, but those that an address replaces."""
    keepers = [Keeper(part, place, pen, environment) for part in parts if part.given is None]
    for keeper in keepers:
        group.create_task(keeper.run())
    return keepers


async def offers_of(keepers: list[Keeper]) -> dict[str, str]:
    """The settings that lead to them, known before they are ready."""
    servers = [await keeper.prepared for keeper in keepers]
    return {name: value for server in servers for name, value in server.offers.items()}


async def opened(keepers: list[Keeper]) -> None:
    """Until each of them can be used."""
    for keeper in keepers:
        await keeper.opened


async def provision(
    command: tuple[str, ...], place: Place, pen: StateFile, environment: dict[str, str]
) -> None:
    """Make the topics, tables and the bucket; StartFailed when that fails.

    It waits for the servers by itself, and so starts beside them.
    """

    async def ready() -> bool:
        return True

    began = time.monotonic()
    pen.set_part(PROVISION, phase=Phase.STARTING)
    work = Server(name=PROVISION, command=command, address="", ready=ready, start_limit=PROVISION_LIMIT)
    await run_to_end(work, place.home, environment)
    pen.set_part(PROVISION, phase=Phase.DONE, start_seconds=time.monotonic() - began)
