"""Projects, over HTTP."""

import asyncio

import aiohttp
import pytest

from contracts.ids import PROJECT, new_id, new_ulid
from tests.acceptance.asking import CHAT, Json, error_in
from tests.upstream.script import Script
from tests.upstream.server import Upstream

PATH = "/v1/projects"


async def begun(api: aiohttp.ClientSession, **fields: object) -> Json:
    """A new project."""
    async with api.post(PATH, json={"name": f"p {new_ulid()}", **fields}) as answer:
        assert answer.status == 201, await answer.text()
        project: Json = await answer.json()
        return project


async def got(api: aiohttp.ClientSession, path: str) -> Json:
    async with api.get(path) as answer:
        assert answer.status == 200, await answer.text()
        body: Json = await answer.json()
        return body


async def changed(api: aiohttp.ClientSession, project: Json, **fields: object) -> Json:
    async with api.patch(f"{PATH}/{project['id']}", json=fields) as answer:
        assert answer.status == 200, await answer.text()
        body: Json = await answer.json()
        return body


async def test_a_project_is_begun_read_changed_and_deleted(api: aiohttp.ClientSession) -> None:
    project = await begun(api, instruction="Be brief.")
    assert project == {
        "id": project["id"],
        "object": "project",
        "name": project["name"],
        "instruction": "Be brief.",
        "is_favorite": False,
        "is_archived": False,
        "archived_at": None,
        "created_at": project["created_at"],
        "updated_at": project["updated_at"],
    }

    other = await changed(api, project, instruction=None, is_favorite=True, is_archived=True)
    assert (other["instruction"], other["is_favorite"], other["is_archived"]) == (None, True, True)
    assert other["archived_at"] >= project["created_at"]
    back = await changed(api, project, is_favorite=False, is_archived=False)
    assert (back["is_favorite"], back["archived_at"]) == (False, None)
    assert await got(api, f"{PATH}/{project['id']}") == back

    async with api.delete(f"{PATH}/{project['id']}") as answer:
        assert await answer.json() == {"id": project["id"], "object": "project", "deleted": True}
    async with api.get(f"{PATH}/{project['id']}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 7}, "name"),
        ({}, "name"),
        ({"name": "a", "instruction": "x" * 32_769}, "instruction"),
        ({"name": "a", "instruction": "\u0000"}, "instruction"),
    ],
)
async def test_what_is_no_project_is_refused_by_its_field(
    api: aiohttp.ClientSession, fields: Json, param: str
) -> None:
    async with api.post(PATH, json=fields) as answer:
        assert answer.status == 400
        assert error_in(await answer.json())["param"] == param


async def test_a_name_is_taken_while_its_project_lives_and_free_afterwards(
    api: aiohttp.ClientSession,
) -> None:
    project = await begun(api)
    async with api.post(PATH, json={"name": project["name"]}) as answer:
        assert (answer.status, error_in(await answer.json())["code"]) == (409, "conflict")

    async with api.delete(f"{PATH}/{project['id']}") as answer:
        assert answer.status == 200

    again = await begun(api, name=f"  {project['name']}  ")
    assert again["name"] == project["name"]
    assert again["id"] != project["id"]


async def test_two_at_once_get_a_name_once(api: aiohttp.ClientSession) -> None:
    name = f"p {new_ulid()}"

    async def status() -> int:
        async with api.post(PATH, json={"name": name}) as answer:
            return answer.status

    assert sorted(await asyncio.gather(status(), status(), status())) == [201, 409, 409]


async def test_pages_stay_exact_while_projects_are_changed_and_begun(api: aiohttp.ClientSession) -> None:
    projects = [await begun(api) for _ in range(7)]
    seen: list[str] = []
    after = ""
    while True:
        page = await got(api, f"{PATH}?limit=2&order=asc{after}")
        seen += [one["id"] for one in page["data"]]
        await changed(api, projects[0], is_favorite=True)
        await begun(api)
        if not page["has_more"] or len(seen) > 10:
            break
        after = f"&after={page['next_after']}"

    assert seen[:7] == [one["id"] for one in projects]
    assert len(set(seen)) == len(seen)


async def test_a_projects_conversations_are_listed_and_outlive_it(api: aiohttp.ClientSession) -> None:
    project, other = await begun(api), await begun(api)
    mine = []
    for one in (project, project, other):
        async with api.post("/v1/conversations", json={"project_id": one["id"]}) as answer:
            mine.append((await answer.json())["id"])

    listed = await got(api, f"{PATH}/{project['id']}/conversations?order=asc")
    assert [one["id"] for one in listed["data"]] == mine[:2]
    assert (await got(api, f"/v1/conversations?project_id={project['id']}&order=asc"))["data"] == listed[
        "data"
    ]

    async with api.delete(f"{PATH}/{project['id']}") as answer:
        assert answer.status == 200
    assert (await got(api, f"/v1/conversations/{mine[0]}"))["project_id"] is None
    async with api.get(f"{PATH}/{project['id']}/conversations") as answer:
        assert answer.status == 404


async def test_its_instruction_is_the_first_thing_that_the_model_is_told(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=1))
    project = await begun(api, instruction="Speak like a pirate.")
    async with api.post("/v1/conversations", json={"project_id": project["id"]}) as answer:
        conversation = (await answer.json())["id"]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    body = {"model": "scripted", "messages": messages, "conversation": conversation}

    async with api.post(CHAT, json=body) as answer:
        assert answer.status == 200, await answer.text()
    await changed(api, project, instruction=None)
    async with api.post(CHAT, json=body) as answer:
        assert answer.status == 200, await answer.text()

    first, second = (request.json["messages"] for request in upstream.chats)
    assert first == [{"role": "system", "content": "Speak like a pirate."}, *messages]
    assert second[0] == messages[0]


async def test_a_project_that_nobody_has_is_not_found(api: aiohttp.ClientSession) -> None:
    for project_id in (new_id(PROJECT), "proj_1", "nobody"):
        async with api.get(f"{PATH}/{project_id}") as answer:
            assert (answer.status, error_in(await answer.json())["code"]) == (404, "not_found")
