"""What the document's examples name, made: the paths and bodies of examples with names of what there is."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from contracts.wire.conversations import EXAMPLE_ID, ITEM_ID
from contracts.wire.media import EXAMPLE_ID as EXAMPLE_MEDIA
from tests.acceptance.asking import CHAT, HELLO, Json
from tests.acceptance.pictures import MEDIA, picture, uploaded

CONVERSATIONS = "/v1/conversations"
WEBHOOKS = "/v1/webhook"
EMBEDDINGS = "/v1/embeddings"
SHARES = ("/v1/shares/{share_id}", "/v1/public/shares/{slug}")
CALL_ID = "call_7f3a"
BRANCH = "vegetarian"
CALL: Json = {
    "type": "mcp_call",
    "call_id": CALL_ID,
    "name": "look_up",
    "arguments": "{}",
    "server_label": "here",
}


@dataclass(frozen=True)
class Named:
    """Where an example's path and body meet what was made for it."""

    path: str
    body: object


async def named(session: aiohttp.ClientSession, path: str, body: object) -> Named:
    """An example of a path and a body, with names of what its caller has."""
    if path.startswith(MEDIA):
        return await _of_media(session, path, body)
    if path.startswith(CONVERSATIONS):
        return await _of_conversation(session, path, body)
    if path.startswith(WEBHOOKS):
        return await _of_webhook(session, path, body)
    if path in SHARES:
        return await _of_share(session, path, body)
    if path == EMBEDDINGS and isinstance(body, dict):
        body = {**body, "model": "scripted"}
    return Named(await _with_ids(session, path), body)


async def _with_ids(session: aiohttp.ClientSession, path: str) -> str:
    path = path.replace("{model_id}", "scripted")
    if "{completion_id}" in path or "{job_id}" in path:
        made = (await _made(session, CHAT, {**HELLO, "store": True}))["id"]
        path = path.replace("{completion_id}", made).replace("{job_id}", made)
    if "{key_id}" in path:
        made = (await _made(session, "/auth/api-keys", {"name": "an example"}))["id"]
        path = path.replace("{key_id}", made)
    if "{project_id}" in path:
        made = (await _made(session, "/v1/projects", {"name": "an example"}))["id"]
        path = path.replace("{project_id}", made)
    if "{response_id}" in path:
        asked = {"model": "scripted", "input": "Hi", "background": path.endswith("/cancel")}
        path = path.replace("{response_id}", (await _made(session, "/v1/responses", asked))["id"])
    if "{tool_call_id}" in path:
        path = path.replace("{tool_call_id}", await tool_call(session))
    if "{catalog_id}" in path:
        async with session.get("/v1/models/catalogs") as answer:
            path = path.replace("{catalog_id}", (await answer.json())["data"][0]["id"])
    return path


async def tool_call(session: aiohttp.ClientSession) -> str:
    """A call of a tool, which failed at once; its id."""
    params = {"name": "scrape", "arguments": {"url": "ftp://example.com"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with session.post("/v1/mcp", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers["X-Job-Id"]


async def _of_share(session: aiohttp.ClientSession, path: str, body: object) -> Named:
    """A share of a conversation with an answer."""
    one = (await _made(session, CHAT, {**HELLO, "conversation": {}}))["conversation"]["id"]
    shared = await _made(session, f"{CONVERSATIONS}/{one}/share", {})
    return Named(path.format(share_id=shared["id"], slug=shared["slug"]), body)


async def _of_webhook(session: aiohttp.ClientSession, path: str, body: object) -> Named:
    """An endpoint, and a test of it; it stands where somebody answers at all: at this very edge."""
    asked = {"name": "mine", "url": str(session._build_url("/readyz")), "event_types": ["response.completed"]}
    made = (await _made(session, "/v1/webhooks", asked))["id"]
    if "{delivery_id}" in path:
        await _made(session, f"/v1/webhooks/{made}/test", {"event_type": "response.completed"})
        async with session.get("/v1/webhooks/deliveries") as answer:
            path = path.replace("{delivery_id}", (await answer.json())["data"][0]["id"])
    return Named(path.replace("{webhook_endpoint_id}", made), body)


async def _of_media(session: aiohttp.ClientSession, path: str, body: object) -> Named:
    """An image."""
    media = (await uploaded(session, picture()))["id"]
    return Named(path.replace("{media_id}", media), _renamed(body, {EXAMPLE_MEDIA: media}))


async def _of_conversation(session: aiohttp.ClientSession, path: str, body: object) -> Named:
    """A conversation with a question, its answer and a call; what the path ends with says which is meant."""
    turn = await _made(session, CHAT, {**HELLO, "conversation": {}})
    one = turn["conversation"]["id"]
    here = f"{CONVERSATIONS}/{one}"
    await _made(session, f"{here}/items", {"items": [CALL]})
    async with session.get(f"{here}/items", params={"order": "asc"}) as answer:
        question, told, _ = [item["id"] for item in (await answer.json())["data"]]
    if "{name}" in path:
        await _made(session, f"{here}/branches", {"name": BRANCH})
    if "{share_id}" in path:
        path = path.replace("{share_id}", (await _made(session, f"{here}/share", {}))["id"])
    names = {
        "{conversation_id}": one,
        "{item_id}": told if path.endswith("/regenerate") else question,
        "{call_id}": CALL_ID,
        "{name}": BRANCH,
    }
    for name, meant in names.items():
        path = path.replace(name, meant)
    return Named(path, _renamed(body, {EXAMPLE_ID: one, ITEM_ID: question}))


def _renamed(value: Any, names: dict[str, str]) -> Any:  # any JSON
    """A body with other names in the place of the document's."""
    match value:
        case str():
            return names.get(value, value)
        case list():
            return [_renamed(one, names) for one in value]
        case dict():
            return {name: _renamed(one, names) for name, one in value.items()}
    return value


async def _made(session: aiohttp.ClientSession, path: str, body: Json) -> Json:
    async with session.post(path, json=body) as answer:
        assert answer.status in (200, 201), await answer.text()
        made: Json = await answer.json()
        return made
