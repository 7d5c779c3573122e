"""Shares, over HTTP, with a login and without."""

import aiohttp
import pytest

from contracts.ids import SHARE, new_id
from tests.acceptance.asking import Json, error_in
from tests.product import Product

PICTURE = {"type": "input_image", "image_url": "https://example.com/a.png"}
ITEMS: list[Json] = [
    {"role": "system", "content": "a secret instruction"},
    {"role": "user", "content": [{"type": "input_text", "text": "Where shall\n we eat?"}, PICTURE]},
    {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": '{"a": "private"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "private"},
    {"role": "assistant", "content": "At the harbour."},
]


async def told(api: aiohttp.ClientSession, method: str, path: str, body: object = None) -> Json:
    async with api.request(method, path, json=body) as answer:
        assert answer.status < 300, await answer.text()
        given: Json = await answer.json()
        return given


async def begun(api: aiohttp.ClientSession, *items: Json, **fields: object) -> str:
    conversation = await told(api, "POST", "/v1/conversations", {"items": list(items or ITEMS), **fields})
    return str(conversation["id"])


async def seen(product: Product, slug: str) -> tuple[int, Json, dict[str, str]]:
    """What everybody sees, without credentials."""
    async with (
        aiohttp.ClientSession(product.url) as nobody,
        nobody.get(f"/v1/public/shares/{slug}") as answer,
    ):
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, await answer.json(), headers


async def test_a_share_shows_questions_and_answers_and_not_whose_they_are(
    api: aiohttp.ClientSession, product: Product
) -> None:
    conversation_id = await begun(api, metadata={"topic": "private"}, title="Lisbon")

    share = await told(api, "POST", f"/v1/conversations/{conversation_id}/share", {})
    status, public, headers = await seen(product, share["slug"])

    assert share["share_url"].endswith(f"/v1/public/shares/{share['slug']}")
    assert status == 200
    assert public["snapshot"]["items"] == [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Where shall\n we eat?"}],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "At the harbour."}],
        },
    ]
    assert (public["title"], public["object"]) == ("Lisbon", "public_share")
    assert (headers["cache-control"], headers["x-robots-tag"]) == ("no-store", "noindex, nofollow")
    assert not any(word in str(public) for word in ("private", "secret", "conv_", "msg_"))


async def test_a_share_stays_what_it_was_and_its_views_are_counted(
    api: aiohttp.ClientSession, product: Product
) -> None:
    conversation_id = await begun(api)
    share = await told(api, "POST", f"/v1/conversations/{conversation_id}/share", {"include_images": True})

    await told(
        api,
        "POST",
        f"/v1/conversations/{conversation_id}/items",
        {"items": [{"role": "user", "content": "x"}]},
    )
    await seen(product, share["slug"])
    _, public, _ = await seen(product, share["slug"])

    assert len(public["snapshot"]["items"]) == 2
    assert "a.png" in str(public)
    assert public["title"] == "Where shall we eat?"
    (listed,) = (await told(api, "GET", f"/v1/conversations/{conversation_id}/shares"))["data"]
    assert (listed["id"], listed["view_count"]) == (share["id"], 2)


async def test_a_revoked_share_is_like_one_that_never_was(
    api: aiohttp.ClientSession, product: Product
) -> None:
    conversation_id = await begun(api)
    path = f"/v1/conversations/{conversation_id}/shares"
    share = await told(api, "POST", path.removesuffix("s"), {})
    unknown = await seen(product, "A" * 22)

    for _ in range(2):
        assert await told(api, "DELETE", f"{path}/{share['id']}") == {
            "id": share["id"],
            "object": "share.deleted",
            "deleted": True,
        }
    revoked = await seen(product, share["slug"])

    assert revoked[0] == unknown[0] == 404
    assert error_in(revoked[1])["message"] == error_in(unknown[1])["message"]
    assert share["id"] in str(await told(api, "GET", "/v1/shares"))
    assert share["id"] not in str(await told(api, "GET", "/v1/shares?include_revoked=false"))


async def test_a_share_ends_with_its_conversation(api: aiohttp.ClientSession, product: Product) -> None:
    conversation_id = await begun(api)
    share = await told(api, "POST", f"/v1/conversations/{conversation_id}/share", {})

    await told(api, "DELETE", f"/v1/conversations/{conversation_id}")

    assert (await seen(product, share["slug"]))[0] == 404


async def test_a_share_belongs_to_its_conversation(api: aiohttp.ClientSession) -> None:
    one, other = await begun(api), await begun(api)
    share = await told(api, "POST", f"/v1/conversations/{one}/share", {})

    async with api.delete(f"/v1/conversations/{other}/shares/{share['id']}") as answer:
        assert answer.status == 404
    assert (await told(api, "DELETE", f"/v1/shares/{share['id']}"))["deleted"]


async def test_one_answer_is_shared_with_its_question_or_without(
    api: aiohttp.ClientSession, product: Product
) -> None:
    conversation_id = await begun(api)
    items = (await told(api, "GET", f"/v1/conversations/{conversation_id}/items"))["data"]
    body = {"scope": "item", "item_id": items[0]["id"]}
    path = f"/v1/conversations/{conversation_id}/share"

    alone = await told(api, "POST", path, body)
    both = await told(api, "POST", path, {**body, "include_context_messages": True})

    counts = [len((await seen(product, one["slug"]))[1]["snapshot"]["items"]) for one in (alone, both)]
    assert counts == [1, 2]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"scope": "item"}, 400),
        ({"item_id": "msg_1"}, 400),
        ({"scope": "all"}, 400),
        ({"title": " "}, 400),
        ({"branch": "nowhere"}, 404),
        ({"scope": "item", "item_id": "msg_1"}, 404),
    ],
)
async def test_what_cannot_be_shared_is_refused(api: aiohttp.ClientSession, body: Json, status: int) -> None:
    conversation_id = await begun(api)

    async with api.post(f"/v1/conversations/{conversation_id}/share", json=body) as answer:
        assert answer.status == status, await answer.text()
        error_in(await answer.json())


async def test_a_conversation_without_an_answer_cannot_be_shared(api: aiohttp.ClientSession) -> None:
    conversation_id = await begun(api, ITEMS[1])

    async with api.post(f"/v1/conversations/{conversation_id}/share", json={}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("slug", ["x", "A" * 21, "A" * 23, "%00", "..%2f..%2fv1%2fmodels"])
async def test_what_is_no_link_is_not_found(product: Product, slug: str) -> None:
    status, body, _ = await seen(product, slug)

    assert status == 404
    error_in(body)


async def test_a_share_that_nobody_has_is_not_found(api: aiohttp.ClientSession) -> None:
    async with api.delete(f"/v1/shares/{new_id(SHARE)}") as answer:
        assert answer.status == 404
