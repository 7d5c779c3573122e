"""The three tools together, with the word vectors that come with the product."""

import json

import pytest

from infra.database import Database
from infra.sealing import Sealer
from infra.settings import FileSearchSettings, ProviderSettings, SealSettings
from tests.workers.tool.file_search.desk import A, Known, offer, registry
from workers.tool.file_search import open_file_search
from workers.tool.ports import Call

pytestmark = pytest.mark.stack


async def test_a_text_is_indexed_found_by_its_meaning_and_deleted(store: Database, embedder_url: str) -> None:
    known = Known(registry(offer("wordllama/wordllama-256", url=embedder_url)))
    settings, providers = FileSearchSettings(), ProviderSettings()
    calls = (
        ("file_search_index", {"document_id": "doc", "text": "The cat sleeps on the sofa."}),
        ("file_search_query", {"query": "kitten on a couch"}),
        ("file_search_delete", {"document_ids": ["doc"]}),
    )

    async with open_file_search(settings, store, known, providers, Sealer(SealSettings())) as tools:
        by_name = {tool.spec.name: tool for tool in tools}
        index, query, delete = [
            json.loads((await by_name[name].call(Call("job", A, "user", arguments, 0.0))).text)
            for name, arguments in calls
        ]

    assert (index["status"], index["embedding_model"]) == ("indexed", "wordllama/wordllama-256")
    assert [one["document_id"] for one in query["results"]] == ["doc"]
    assert query["compared_by"] == ["wordllama/wordllama-256"]
    assert delete == {"deleted": ["doc"], "not_found": []}
