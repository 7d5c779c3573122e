"""Calls of tools at real servers of the SDK, and at programs."""

import json
import logging
import os

import pytest

from contracts.tools.spec import ToolProgress
from tests.workers.tool.remote.desk import called, contacted, listed
from tests.workers.tool.remote.servers import SECRET, at, program, real_http
from workers.tool.core.arguments import BadArguments
from workers.tool.ports import ToolFailed


async def test_a_real_server_is_called_and_its_structured_result_kept() -> None:
    async with real_http() as url, contacted(at(url)) as contact:
        tools = await listed(contact)
        result = await called(contact, tools["echo"], {"text": "hello"})
    assert tools["echo"].output_schema is not None
    assert (result.structured, result.is_error) == ({"text": "hello"}, False)


async def test_progress_is_passed_on() -> None:
    told: list[ToolProgress] = []
    async with real_http() as url, contacted(at(url)) as contact:
        result = await called(contact, (await listed(contact))["steps"], told=told)
    assert result.text == "stepped"
    assert [(one.progress, one.total, one.message) for one in told] == [(1, 2, "half"), (2, 2, "done")]


async def test_a_tools_own_failure_stays_a_failure() -> None:
    async with real_http() as url, contacted(at(url)) as contact:
        result = await called(contact, (await listed(contact))["fails"])
    assert result.is_error


async def test_arguments_are_checked_before_they_are_sent() -> None:
    async with real_http() as url, contacted(at(url)) as contact:
        spec = (await listed(contact))["echo"]
        with pytest.raises(BadArguments, match="text"):
            await called(contact, spec, {})


async def test_a_program_has_only_its_own_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OURS", "not-for-others")
    caplog.set_level(logging.DEBUG)
    async with contacted(program(secrets={"TOKEN": SECRET})) as contact:
        first = json.loads((await called(contact, (await listed(contact))["environment"])).text)
        second = json.loads((await called(contact, (await listed(contact))["environment"])).text)
    assert set(first["names"]) - {"LC_CTYPE"} == {"HOME", "PATH", "TOKEN"}
    assert first["pid"] == second["pid"]
    assert SECRET not in caplog.text
    assert "begun with" in str([vars(record) for record in caplog.records])
    assert SECRET not in str([vars(record) for record in caplog.records])


async def test_a_program_ends_with_its_contact_and_is_started_again_when_it_died() -> None:
    async with contacted(program("dies")) as contact:
        spec = (await listed(contact))["environment"]
        with pytest.raises(ToolFailed, match="other failed: its program ended"):
            await called(contact, spec)
        assert await listed(contact)
    async with contacted(program()) as contact:
        pid = json.loads((await called(contact, (await listed(contact))["environment"])).text)["pid"]
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("mode", "why"), [("nonsense", "no message"), ("huge", "more than"), ("floods", "without end")]
)
async def test_a_program_that_misbehaves_is_a_failure_that_names_it(mode: str, why: str) -> None:
    async with contacted(program(mode)) as contact:
        with pytest.raises(ToolFailed, match=f"The server other failed: .*{why}"):
            await called(contact, (await listed(contact))["environment"])


async def test_a_program_that_is_not_there_is_told() -> None:
    async with contacted(at(None, command=("/no/such/program",))) as contact:
        with pytest.raises(Exception, match="cannot be started"):
            await listed(contact)


async def test_a_call_that_is_cancelled_leaves_the_program_usable() -> None:
    async with real_http() as url, contacted(at(url)) as contact:
        tools = await listed(contact)
        with pytest.raises(TimeoutError):
            await called(contact, tools["hangs"], seconds=0.5)
        assert (await called(contact, tools["echo"], {"text": "on"})).structured == {"text": "on"}
