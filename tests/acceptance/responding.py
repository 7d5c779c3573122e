"""Responses over plain HTTP: begun in the background, shown, and what was called for them."""

from typing import Any

import aiohttp

Json = dict[str, Any]  # OpenAI's wire
OVER = frozenset({"completed", "failed", "incomplete", "cancelled"})


async def begun(api: aiohttp.ClientSession, *tools: Json, **more: Any) -> str:  # fields of the body
    """A response in the background that may use these tools; its id."""
    body = {"model": "scripted", "input": "Go", "tools": list(tools), "background": True, **more}
    async with api.post("/v1/responses", json=body) as answer:
        told = await answer.json()
        assert answer.status == 200, told
        return str(told["id"])


async def shown(api: aiohttp.ClientSession, response_id: str) -> Json:
    """A response as it is now."""
    async with api.get(f"/v1/responses/{response_id}") as answer:
        found: Json = await answer.json()
        assert answer.status == 200, found
        return found


async def is_over(api: aiohttp.ClientSession, response_id: str) -> bool:
    """Whether it has ended."""
    return (await shown(api, response_id))["status"] in OVER


async def executions(api: aiohttp.ClientSession, response_id: str) -> list[Json]:
    """The calls that are recorded of a response, each once."""
    async with api.get(f"/v1/responses/{response_id}/tool_executions") as answer:
        found: list[Json] = (await answer.json())["data"]
    assert len({one["id"] for one in found}) == len(found)
    return found
