"""The catalog of tools: the code's, what admins set for them, and other servers'."""

from datetime import UTC, datetime
from typing import Any

from contracts.tools.builtin import BUILT_IN
from contracts.tools.spec import ToolSpec
from infra.store.mcp_tools import McpLimitRow, McpToolRow
from infra.tools.catalog import catalog_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def row(name: str, server: str = "", **more: Any) -> McpToolRow:
    spec = ToolSpec(
        name=name.removeprefix(f"{server}_"), description="theirs", input_schema={"type": "object"}
    )
    return McpToolRow(name=name, server=server, spec=spec.model_dump(), updated_at=NOW, **more)


def listed(*rows: McpToolRow, limits: tuple[McpLimitRow, ...] = (), tenant: str = "t1") -> list[str]:
    return [entry.spec.name for entry in catalog_of(rows, limits).listed(tenant)]


def test_without_rows_there_is_what_the_code_has() -> None:
    assert listed() == list(BUILT_IN)


def test_other_servers_tools_come_behind_by_their_names() -> None:
    assert listed(row("b_y", "b"), row("a_z", "a")) == [*BUILT_IN, "a_z", "b_y"]


def test_what_is_switched_off_or_cannot_be_done_is_not_listed_but_told_apart() -> None:
    catalog = catalog_of([row("scrape", is_enabled=False), row("python_exec", off_reason="no namespaces")])

    assert {"scrape", "python_exec"}.isdisjoint(entry.spec.name for entry in catalog.listed("t1"))
    assert catalog.find("scrape", "t1") is None
    found = catalog.find("python_exec", "t1")
    assert found is not None
    assert found.off_reason == "no namespaces"


def test_a_tool_is_described_as_an_admin_wants_and_keeps_its_own_schema() -> None:
    entry = catalog_of([row("scrape", description="Ours", per_minute=3)]).find("scrape", "t1")

    assert entry is not None
    assert (entry.spec.description, entry.limit("t1")) == ("Ours", 3)
    assert entry.spec.input_schema == BUILT_IN["scrape"].input_schema


def test_what_differs_for_one_tenant_differs_for_nobody_else() -> None:
    limits = (
        McpLimitRow(tool="scrape", tenant="t1", is_allowed=False),
        McpLimitRow(tool="google_search", tenant="t1", is_allowed=True, per_minute=1),
    )

    assert "scrape" not in listed(limits=limits)
    assert "scrape" in listed(limits=limits, tenant="t2")
    entry = catalog_of([], limits).find("google_search", "t1")
    assert entry is not None
    assert (entry.limit("t1"), entry.limit("t2")) == (1, None)


def test_a_foreign_tool_knows_the_name_that_it_has_at_home() -> None:
    entry = catalog_of([row("jira_find", "jira")]).find("jira_find", "t1")

    assert entry is not None
    assert (entry.spec.name, entry.own_name, entry.server) == ("jira_find", "find", "jira")


def test_nobody_takes_the_name_of_a_built_in_tool() -> None:
    entry = catalog_of([row("scrape", "evil")]).find("scrape", "t1")

    assert entry is not None
    assert entry.spec.input_schema == BUILT_IN["scrape"].input_schema
