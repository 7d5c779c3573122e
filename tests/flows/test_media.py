"""Media of chats, through edge and worker: each provider is told in its own way, whoever was asked before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.envelope import Envelope
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import CompletionJob
from tests.flows.providers import MemoryCandidate, all_of
from tests.flows.test_chat_completion import BODY, GOOD, STREAM, WHOLE
from tests.flows.test_tries import FailingProvider
from tests.flows.world import MemoryProvider, World
from workers.completion.core import refusal

Json = dict[str, Any]
TOO_LARGE = ApiError(ErrorCode.BODY_TOO_LARGE, "too much to be sent as data", param="messages")


class MemoryMedia:
    """Says in each body which way it is told; some ways fail, or all of it."""

    def __init__(self, fails: dict[str, ApiError] | None = None, refused: ApiError | None = None) -> None:
        self.fails = fails or {}
        self.refused = refused
        self.open = 0
        self.body: Json = {}

    @asynccontextmanager
    async def of(
        self, envelope: Envelope[CompletionJob], given: Json, body: Json
    ) -> AsyncIterator["MemoryMedia"]:
        if self.refused is not None:
            raise self.refused
        self.body = body
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def told(self, body: Json, way: str) -> Json:
        assert self.open == 1
        if way in self.fails:
            raise self.fails[way]
        return body | {"way": way}


def good() -> MemoryProvider:
    return MemoryProvider(GOOD, WHOLE)


def ways(*providers: MemoryProvider) -> list[list[str]]:
    return [[asked["way"] for asked in provider.asked] for provider in providers]


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_each_provider_is_told_in_its_own_way(body: Json) -> None:
    one, two, media = FailingProvider(refusal(500, b"")), good(), MemoryMedia()
    routes = all_of(MemoryCandidate(one, "a"), MemoryCandidate(two, "b", media="link"))
    world = World(two, routes=routes, media=media)

    answer = await world.post(body)

    assert answer.status == 200
    assert ways(one, two) == [["inline"], ["link"]]
    assert media.open == 0


async def test_what_is_too_much_as_data_goes_to_who_takes_links() -> None:
    one, two = good(), good()
    candidates = [MemoryCandidate(one, "a"), MemoryCandidate(two, "b", media="link")]
    world = World(two, routes=all_of(*candidates), media=MemoryMedia({"inline": TOO_LARGE}))

    answer = await world.post(BODY)

    assert answer.status == 200
    assert ways(one, two) == [[], ["link"]]
    assert [candidate.ends for candidate in candidates] == [["gone"], [None]]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TOO_LARGE, 413),
        (ApiError(ErrorCode.MEDIA_NOT_FOUND, "deleted", param="messages"), 404),
        (ApiError(ErrorCode.DEPENDENCY_DOWN, "away"), 503),
    ],
    ids=["too large", "missing", "store away"],
)
async def test_why_media_cannot_be_sent_is_told_and_blames_nobody(error: ApiError, status: int) -> None:
    one, two = good(), good()
    candidates = [MemoryCandidate(one, "a"), MemoryCandidate(two, "b")]
    media = MemoryMedia({"inline": error})
    world = World(two, routes=all_of(*candidates), media=media)

    answer = await world.post(BODY)

    told = answer.json["error"]
    assert (answer.status, told["code"], told["param"]) == (status, error.detail.code, error.detail.param)
    assert ways(one, two) == [[], []]
    assert {end for candidate in candidates for end in candidate.ends} == {"gone"}
    assert (
        world.registry.get_sample_value(
            "jan_provider_errors_total", {"provider": "a", "code": str(error.detail.code)}
        )
        is None
    )
    assert media.open == 0


async def test_what_is_not_there_is_refused_before_anybody_is_chosen() -> None:
    one = good()
    candidate = MemoryCandidate(one, "a")
    missing = ApiError(ErrorCode.MEDIA_NOT_FOUND, "There is no media 'jan_x'", param="messages")
    world = World(one, routes=all_of(candidate), media=MemoryMedia(refused=missing))

    answer = await world.post(BODY)

    assert (answer.status, answer.json["error"]["code"]) == (404, "media_not_found")
    assert (candidate.begun, one.asked) == (0, [])
