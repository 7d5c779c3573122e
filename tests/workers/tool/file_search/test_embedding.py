"""Which model embeds, and whom it is asked of, in which order, how often."""

from collections.abc import Sequence

import pytest
from typing_extensions import override

from infra.registry.offers import Endpoint, Offer, Price, Provider
from infra.registry.registry import Registry
from infra.settings import FileSearchSettings
from tests.workers.tool.file_search.desk import MODEL, Known, Letters, letters, offer, registry
from workers.tool.file_search import embedding
from workers.tool.file_search.asking import NotEmbedded, Vector
from workers.tool.file_search.embedding import Embedder
from workers.tool.ports import ToolFailed


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "PAUSES", (0.0, 0.0))


def embedder(*offers: Offer, asks: embedding.Asks | None = None, model: str | None = None) -> Embedder:
    settings = FileSearchSettings(embedding_model=model, batch=2)
    return Embedder(settings, Known(registry(*offers)), asks or Letters())


class Endpoints:
    """Answers by the endpoint's address."""

    def __init__(self, **answers: NotEmbedded | int) -> None:
        """For each host: its failure, or how many dimensions it gives."""
        self.answers = answers
        self.asked: list[str] = []

    async def embed(self, offer: Offer, endpoint: Endpoint, texts: Sequence[str]) -> list[Vector | None]:
        host = endpoint.url.removeprefix("http://")
        self.asked.append(host)
        answer = self.answers[host]
        if isinstance(answer, NotEmbedded):
            raise answer
        return [[1.0] * answer for _ in texts]


BUSY = NotEmbedded("The provider test answered 503", may_pass=True)
WRONG = NotEmbedded("The provider test answered 401", may_pass=False)


async def test_the_cheapest_that_makes_embeddings_is_chosen() -> None:
    provider = Provider("prov_a", "a", endpoints=(Endpoint("http://a"),))
    able = frozenset({"embeddings"})
    dear = Offer(provider, "dear", "x/dear", price=Price(9, 0), supports=able)
    cheap = Offer(provider, "cheap", "x/cheap", price=Price(1, 0), supports=able)
    chat = Offer(provider, "chat", "x/chat", price=Price(0, 0), supports=frozenset({"tools"}))

    assert await embedder(dear, cheap, chat).model() == "x/cheap"


async def test_what_is_not_known_to_embed_is_chosen_only_by_name() -> None:
    provider = Provider("prov_a", "a", endpoints=(Endpoint("http://a"),))
    unknown = Offer(provider, "some", "x/some")

    assert await embedder(unknown).model() is None
    assert await embedder(unknown, model="a/some").model() == "x/some"


async def test_a_provider_that_speaks_another_protocol_is_not_asked() -> None:
    assert await embedder(offer(protocol="anthropic")).model() is None


async def test_a_named_model_that_nobody_offers_is_told() -> None:
    with pytest.raises(ToolFailed, match="x/none"):
        await embedder(offer(), model="x/none").model()


async def test_a_model_that_was_added_a_moment_ago_is_found() -> None:
    class Late(Known):
        @override
        async def fresh(self) -> Registry:
            return registry(offer())

    late = Embedder(FileSearchSettings(), Late(registry()), Letters())

    assert await late.model() == MODEL


async def test_texts_are_embedded_in_batches_and_in_order() -> None:
    asks, done = Letters(), list[int]()

    vectors = await embedder(offer(), asks=asks).embed(MODEL, list("abcde"), done.append)

    assert vectors == [letters(letter) for letter in "abcde"]
    assert [count for _, count in asks.asked] == [2, 2, 1]
    assert done == [2, 4, 5]


async def test_the_next_provider_is_asked_where_one_fails() -> None:
    asks = Endpoints(a=WRONG, b=3)
    both = (offer(name="a", url="http://a"), offer(name="b", url="http://b"))

    assert await embedder(*both, asks=asks).embed(MODEL, ["x"]) == [[1.0, 1.0, 1.0]]
    assert asks.asked == ["a", "b"]


async def test_endpoints_are_asked_by_their_priority() -> None:
    asks = Endpoints(first=BUSY, second=3)
    places = (Endpoint("http://second", priority=1), Endpoint("http://first", priority=0))

    await embedder(offer(endpoints=places), asks=asks).embed(MODEL, ["x"])

    assert asks.asked == ["first", "second"]


async def test_a_batch_is_tried_three_times_where_it_may_pass() -> None:
    asks = Endpoints(a=BUSY)

    with pytest.raises(ToolFailed, match="answered 503"):
        await embedder(offer(url="http://a"), asks=asks).embed(MODEL, ["x"])

    assert asks.asked == ["a"] * 3


async def test_a_failure_that_lasts_is_told_at_once() -> None:
    asks = Endpoints(a=WRONG)

    with pytest.raises(ToolFailed, match="answered 401"):
        await embedder(offer(url="http://a"), asks=asks).embed(MODEL, ["x"])

    assert asks.asked == ["a"]


async def test_a_model_that_went_away_is_told() -> None:
    with pytest.raises(ToolFailed, match="not on offer any more"):
        await embedder().embed(MODEL, ["x"])


async def test_providers_that_differ_in_dimensions_do_not_share_a_text() -> None:
    class Turns(Letters):
        @override
        async def embed(self, offer: Offer, endpoint: Endpoint, texts: Sequence[str]) -> list[Vector | None]:
            self.asked.append(("", 0))
            return [[1.0] * len(self.asked)]

    with pytest.raises(ToolFailed, match="different lengths"):
        await embedder(offer(), asks=Turns()).embed(MODEL, ["x", "y", "z"])
