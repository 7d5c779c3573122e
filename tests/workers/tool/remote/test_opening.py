"""The lists of other servers, read on a schedule into a real database; one that is away disturbs no other."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from contracts.tools.spec import ToolSpec
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.notices import Notices, open_notices
from infra.relay.redis import open_redis
from infra.settings import DatabaseSettings, RedisSettings
from infra.settings.mcp import McpSettings
from infra.settings.tools import ToolSettings
from infra.store.mcp_servers import SEALED_SECRETS, McpServerRow, locked_server, server_named
from infra.store.mcp_tools import McpToolRow, all_tools, offer_tool
from infra.tools.servers import tell_servers_changed
from tests.acceptance.waiting import until
from tests.infra.store.scratch import scratch_database
from tests.workers.completion.routing.known import SEALER
from tests.workers.tool.remote.servers import ECHO, SECRET, Raw, raw_http
from workers.tool.ports import Call
from workers.tool.remote.opening import Remote, open_remote

pytestmark = pytest.mark.stack
SETTINGS = McpSettings(sync_seconds=0.3, connect_timeout=2, list_timeout=2)


@dataclass
class World:
    """A worker's remote tools, and the database that they stand in."""

    database: Database
    notices: Notices
    remote: Remote

    async def give(self, name: str, url: str, **changes: object) -> None:
        """A trusted server, told to everybody."""
        now = datetime.now(UTC)
        secrets = json.dumps({"Authorization": f"Bearer {SECRET}"})
        row = McpServerRow(
            name=name, transport="http", url=url, is_trusted=True, sync_due_at=now, created_at=now,
            updated_at=now, sealed_secrets=SEALED_SECRETS.seal(SEALER, name, secrets),
        )  # fmt: skip
        for field, value in changes.items():
            setattr(row, field, value)
        async with self.database.begin() as session:
            session.add(row)
        await tell_servers_changed(self.notices)

    async def tools(self) -> dict[str, McpToolRow]:
        async with self.database.begin() as session:
            return {row.name: row for row in await all_tools(session) if row.server}

    async def row(self, name: str) -> McpServerRow:
        async with self.database.begin() as session:
            row = await server_named(session, name)
            assert row is not None
            return row

    async def listing(self, names: set[str]) -> None:
        """Wait until these tools are on."""

        async def told() -> bool:
            return {name for name, row in (await self.tools()).items() if row.off_reason is None} == names

        await until(told)


@pytest.fixture
async def world(database: DatabaseSettings, valkey: RedisSettings) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(scratch_database(database))
        await upgrade(own)
        opened = await stack.enter_async_context(open_database(own))
        redis = await stack.enter_async_context(open_redis(valkey))
        notices = await stack.enter_async_context(open_notices(redis))
        remote = await stack.enter_async_context(
            open_remote(SETTINGS, ToolSettings(), opened, notices, SEALER)
        )
        yield World(opened, notices, remote)


async def test_tools_are_listed_and_called_while_another_server_is_down(world: World) -> None:
    raw = Raw()
    async with raw_http(raw) as url:
        await world.give("down", "http://127.0.0.1:9/mcp")
        await world.give("up", url)
        await world.listing({"up_echo"})
        row = (await world.tools())["up_echo"]
        tool = world.remote.find("up_echo", "up", ToolSpec.model_validate(row.spec))
        assert tool is not None
        result = await tool.call(Call("job_1", "tenant", "user", {"text": "hello"}, float("inf")))

    async def told() -> bool:
        return "cannot be reached" in ((await world.row("down")).sync_error or "")

    await until(told)
    assert result.text == "fine"
    assert raw.headers[0]["Authorization"] == f"Bearer {SECRET}"


async def test_a_server_that_goes_away_keeps_its_tools_which_are_off_until_it_is_back(world: World) -> None:
    raw = Raw()
    async with raw_http(raw) as url:
        await world.give("one", url)
        await world.listing({"one_echo"})
    await world.listing(set())
    off = (await world.tools())["one_echo"].off_reason
    assert off is not None
    assert off.startswith("the server one failed")


async def test_a_list_that_changes_is_taken_over_and_only_what_is_allowed(world: World) -> None:
    raw = Raw()
    raw.tools = [ECHO, {**ECHO, "name": "erase"}]
    async with raw_http(raw) as url:
        await world.give("one", url, allowed_tools=["ec*"])
        await world.listing({"one_echo"})
        raw.tools = [{**ECHO, "name": "echo.more"}]
        await world.listing({"one_echo_more"})


async def test_a_name_that_another_has_is_refused_and_told(world: World) -> None:
    async with world.database.begin() as session:
        spec = ToolSpec(name="two_echo", input_schema={"type": "object"})
        await offer_tool(session, "one", "one_two_echo", spec, datetime.now(UTC))
    raw = Raw()
    async with raw_http(raw) as url:
        await world.give("one_two", url)

        async def told() -> bool:
            return "already" in ((await world.row("one_two")).sync_error or "")

        await until(told)
    assert (await world.tools())["one_two_echo"].server == "one"


async def test_a_server_that_is_switched_off_is_not_found(world: World) -> None:
    raw = Raw()
    async with raw_http(raw) as url:
        await world.give("one", url)
        await world.listing({"one_echo"})
        async with world.database.begin() as session:
            row = await locked_server(session, "one")
            assert row is not None
            row.is_enabled = False
        await tell_servers_changed(world.notices)
        spec = ToolSpec(name="echo", input_schema={"type": "object"})

        async def told() -> bool:
            return world.remote.find("one_echo", "one", spec) is None

        await until(told)
