"""A stack starts in order, ends in the other order, and leaves out what an address replaces."""

import asyncio
import dataclasses
import json
from contextlib import suppress

import pytest

from infra.embedded.part import Part
from infra.embedded.place import Place
from infra.embedded.stack import Stack, local_stack, run_stack
from infra.embedded.state import Phase, StateFile
from infra.settings import StackSettings
from tests.infra.embedded.programs import part

LIMIT = 20.0
WRITES_ENVIRONMENT = """
import json, os, pathlib, time
pathlib.Path(r'{flag}').with_suffix('.json').write_text(json.dumps(dict(os.environ)))
pathlib.Path(r'{flag}').touch()
time.sleep(60)
"""
NOTES_ITS_END = """
import pathlib, signal, time
def end(*_):
    time.sleep({seconds})
    with pathlib.Path(r'{{flag}}').with_name('ends').open('a') as ends:
        ends.write('{name} ')
    raise SystemExit
signal.signal(signal.SIGTERM, end)
pathlib.Path(r'{{flag}}').touch()
time.sleep(60)
"""


async def until_ready(pen: StateFile, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(LIMIT):
        while pen.state.phase is not Phase.READY and not running.done():
            await asyncio.sleep(0.02)


async def end(running: asyncio.Task[None]) -> None:
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_the_product_gets_what_the_servers_offer(stand: Place) -> None:
    pen = StateFile(stand.home.state)
    stack = Stack((part("one"), part("two")), (part("product", WRITES_ENVIRONMENT),), provision=None)

    running = asyncio.create_task(run_stack(stack, stand, pen))
    await until_ready(pen, running)
    await end(running)

    given = json.loads((stand.home.root / "product.json").read_text())
    assert (given["JAN_ONE"], given["JAN_TWO"]) == ("here", "here")


async def test_a_part_with_a_given_address_is_not_started(stand: Place) -> None:
    pen = StateFile(stand.home.state)
    given = dataclasses.replace(part("elsewhere", "raise SystemExit(1)"), given="example:9092")

    running = asyncio.create_task(run_stack(Stack((given,), (), provision=None), stand, pen))
    await until_ready(pen, running)
    await end(running)

    assert pen.state.parts["elsewhere"].phase is Phase.GIVEN
    assert pen.state.parts["elsewhere"].address == "example:9092"


async def test_the_product_has_ended_before_the_servers_are_told_to(stand: Place) -> None:
    pen = StateFile(stand.home.state)
    server = part("server", NOTES_ITS_END.format(name="server", seconds=0))
    product = part("product", NOTES_ITS_END.format(name="product", seconds=0.3))

    running = asyncio.create_task(run_stack(Stack((server,), (product,), provision=None), stand, pen))
    await until_ready(pen, running)
    await end(running)

    assert (stand.home.root / "ends").read_text() == "product server "


async def test_one_part_that_fails_ends_the_others(stand: Place) -> None:
    pen = StateFile(stand.home.state)
    stack = Stack((part("well"), part("broken", "print('no luck'); raise SystemExit(1)")), (), provision=None)

    with pytest.raises(ExceptionGroup):
        await run_stack(stack, stand, pen)

    assert pen.state.parts["well"].phase is not Phase.READY
    assert pen.state.parts["well"].identity is None


async def test_nothing_of_the_product_starts_when_provisioning_fails(stand: Place) -> None:
    pen = StateFile(stand.home.state)
    stack = Stack((part("server"),), (part("product"),), provision=("/bin/false",))

    with pytest.raises(ExceptionGroup):
        await run_stack(stack, stand, pen)

    assert pen.state.parts["product"].phase is Phase.WAITING


def test_addresses_in_the_environment_replace_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAN_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("JAN_DATABASE_URL", "postgresql://jan:word@db:5432/jan")
    monkeypatch.setenv("JAN_REDIS_URL", "redis://:word@cache:6379/0")
    monkeypatch.setenv("JAN_S3_ENDPOINT", "https://objects")
    monkeypatch.setenv("JAN_PROVIDER_URL", "https://provider/v1")
    monkeypatch.setenv("JAN_PROVIDER_EMBEDDINGS_URL", "https://embedder/v1")

    stack = local_stack(StackSettings())

    given = {one.name: one.given for one in stack.servers}
    assert given == {
        "kafka": "kafka:9092",
        "postgres": "db:5432/jan",
        "valkey": "cache:6379/0",
        "s3": "https://objects",
        "model": "https://provider/v1",
        "embeddings": "https://embedder/v1",
    }


def test_the_state_with_its_secrets_is_for_its_owner_only(stand: Place) -> None:
    StateFile(stand.home.state).set_part("any")

    assert stand.home.state.stat().st_mode & 0o077 == 0


def test_a_stack_names_each_part_once() -> None:
    stack = local_stack(StackSettings())
    parts: tuple[Part, ...] = (*stack.servers, *stack.product)

    assert len({one.name for one in parts}) == len(parts)
