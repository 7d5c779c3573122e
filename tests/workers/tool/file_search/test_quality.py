"""How well passages are found, with the word vectors that come with the product."""

from collections.abc import AsyncIterator, Mapping

import pytest

from infra.database import Database
from infra.sealing import Sealer
from infra.settings import FileSearchSettings, ProviderSettings, SealSettings
from tests.workers.tool.file_search.desk import Desk, desk_of, offer
from tests.workers.tool.file_search.labelled import KEYWORDS, PARAPHRASES, TEXTS
from workers.tool.file_search.asking import open_asking

pytestmark = pytest.mark.stack


@pytest.fixture
async def both(store: Database, embedder_url: str) -> AsyncIterator[tuple[Desk, Desk]]:
    """The labelled texts, indexed for meaning and words by one desk, and for words alone by another."""
    sealer = Sealer(SealSettings())
    async with open_asking(ProviderSettings(), sealer, FileSearchSettings().embed_seconds) as asking:
        meaning = desk_of(store, asking, offer("wordllama/wordllama-256", url=embedder_url))
        words = desk_of(store, asking)
        for name, text in TEXTS.items():
            await meaning.index(name, text, tenant="meaning")
            await words.index(name, text, tenant="words")
        yield meaning, words


async def places(desk: Desk, tenant: str, questions: Mapping[str, str]) -> list[int]:
    """At which place each question's right text is found, from 1; 0: not among the first twenty."""
    found = [(await desk.found(one, tenant, top_k=20), right) for one, right in questions.items()]
    return [names.index(right) + 1 if right in names else 0 for names, right in found]


def hit_at_5(places: list[int]) -> float:
    return sum(1 <= place <= 5 for place in places) / len(places)


def mrr(places: list[int]) -> float:
    return sum(1 / place for place in places if place) / len(places)


async def test_questions_in_other_words_find_their_text(both: tuple[Desk, Desk]) -> None:
    meaning, words = both

    found = await places(meaning, "meaning", PARAPHRASES)
    found_by_words = await places(words, "words", PARAPHRASES)

    assert hit_at_5(found) >= 0.85  # 0.95 when it was written
    assert mrr(found) >= 0.65  # 0.75
    assert mrr(found) > mrr(found_by_words) + 0.3


async def test_rare_words_codes_and_quotations_find_their_text(both: tuple[Desk, Desk]) -> None:
    meaning, words = both

    found = await places(meaning, "meaning", KEYWORDS)
    found_by_words = await places(words, "words", KEYWORDS)

    assert mrr(found) >= 0.9  # 1.00
    assert mrr(found_by_words) >= 0.9
