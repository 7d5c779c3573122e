"""Declared MCP servers, written down again and again on a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from contracts.tools.spec import ToolSpec
from infra.database import Database, open_database
from infra.declaring import BadDeclaration
from infra.migrations.upgrade import upgrade
from infra.sealing import Sealer
from infra.settings import DatabaseSettings, SealSettings
from infra.store.mcp_servers import SEALED_SECRETS, McpServerRow, all_servers, server_named
from infra.store.mcp_tools import all_tools, offer_tool
from infra.tools.bootstrap import Written, write_servers_down
from infra.tools.declared import DeclaredServer
from tests.infra.store.scratch import scratch_database

pytestmark = pytest.mark.stack

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TICKETS = DeclaredServer(
    name="tickets", url="https://tickets.example/mcp", headers={"Authorization": SecretStr("Bearer t-1")}
)
FILES = DeclaredServer(name="files", command=("mcp-files",))


@pytest.fixture
async def store(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with scratch_database(database) as own:
        await upgrade(own)
        async with open_database(own) as opened:
            yield opened


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(SealSettings())


async def declare(store: Database, sealer: Sealer, *servers: DeclaredServer) -> Written:
    async with store.begin() as session:
        return await write_servers_down(session, sealer, servers, NOW)


async def rows(store: Database) -> dict[str, McpServerRow]:
    async with store.begin() as session:
        return {row.name: row for row in await all_servers(session)}


async def test_what_is_declared_is_there_trusted_and_sealed(store: Database, sealer: Sealer) -> None:
    assert await declare(store, sealer, TICKETS, FILES) == Written(made=2)

    tickets, files = [(await rows(store))[name] for name in ("tickets", "files")]
    assert (tickets.transport, tickets.url, tickets.is_trusted) == ("http", TICKETS.url, True)
    assert (files.transport, files.command, files.sealed_secrets) == ("stdio", ["mcp-files"], None)
    assert tickets.secret_names == ["Authorization"]
    assert "t-1" not in str(tickets.sealed_secrets)
    opened = SEALED_SECRETS.open(sealer, "tickets", tickets.sealed_secrets or "")
    assert opened == '{"Authorization": "Bearer t-1"}'


async def test_the_same_again_changes_nothing(store: Database, sealer: Sealer) -> None:
    await declare(store, sealer, TICKETS, FILES)

    assert not (await declare(store, sealer, TICKETS, FILES)).is_news
    assert {row.revision for row in (await rows(store)).values()} == {1}


async def test_another_secret_is_a_change(store: Database, sealer: Sealer) -> None:
    await declare(store, sealer, TICKETS)
    other = TICKETS.model_copy(update={"headers": {"Authorization": SecretStr("Bearer t-2")}})

    assert await declare(store, sealer, other) == Written(changed=1)
    assert (await rows(store))["tickets"].revision == 2


async def test_what_is_gone_from_the_file_goes_with_its_tools(store: Database, sealer: Sealer) -> None:
    await declare(store, sealer, TICKETS, FILES)
    async with store.begin() as session:
        for server in ("tickets", "files"):
            spec = ToolSpec(name="find", input_schema={"type": "object"})
            await offer_tool(session, server, f"{server}_find", spec, NOW)

    assert await declare(store, sealer, FILES) == Written(removed=1)

    async with store.begin() as session:
        assert await server_named(session, "tickets") is None
        assert [tool.name for tool in await all_tools(session)] == ["files_find"]


async def test_one_that_is_switched_off_keeps_its_row_and_no_tools(store: Database, sealer: Sealer) -> None:
    await declare(store, sealer, FILES)
    async with store.begin() as session:
        spec = ToolSpec(name="find", input_schema={"type": "object"})
        await offer_tool(session, "files", "files_find", spec, NOW)

    await declare(store, sealer, FILES.model_copy(update={"active": False}))

    async with store.begin() as session:
        assert await all_tools(session) == []
    assert (await rows(store))["files"].is_enabled is False


async def test_a_server_of_the_admin_api_is_not_taken_over(store: Database, sealer: Sealer) -> None:
    async with store.begin() as session:
        session.add(
            McpServerRow(
                name="files",
                transport="http",
                url="https://x.example",
                source="api",
                sync_due_at=NOW,
                created_at=NOW,
                updated_at=NOW,
            )
        )

    with pytest.raises(BadDeclaration, match="made by the admin API"):
        await declare(store, sealer, FILES)
