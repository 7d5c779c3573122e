"""The tools of file search on a real database, asked as a worker asks them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.tools.spec import ToolProgress, ToolResult
from infra.database import Database
from infra.registry.offers import Endpoint, Offer, Provider
from infra.registry.registry import Registry
from infra.settings import FileSearchSettings
from workers.tool.file_search.asking import NotEmbedded, Vector
from workers.tool.file_search.deleting import DeleteTool
from workers.tool.file_search.embedding import Asks, Embedder
from workers.tool.file_search.indexing import IndexTool
from workers.tool.file_search.querying import QueryTool
from workers.tool.ports import Call

MODEL = "test/letters"
A, B = "tenant-a", "tenant-b"


@dataclass
class Known:
    """A registry that is what it is."""

    current: Registry

    async def fresh(self) -> Registry:
        return self.current


def offer(
    model: str = MODEL, *, url: str = "http://127.0.0.1:9/v1", name: str = "test", **about: Any
) -> Offer:
    """A model that makes embeddings; `about` its provider."""
    usual: dict[str, Any] = {"endpoints": (Endpoint(url),), "is_trusted": True}
    provider = Provider(provider_id=f"prov_{name}", name=name, **usual | about)
    original = model.rpartition("/")[2]
    return Offer(provider, original, catalog_id=model, supports=frozenset({"embeddings"}))


def registry(*offers: Offer) -> Registry:
    return Registry(offers, [one.provider for one in offers])


@dataclass
class Letters:
    """Embeds by how often each of 26 letters comes; fails where a test says so."""

    asked: list[tuple[str, int]] = field(default_factory=list)
    """Of each request: the model, and how many texts."""
    failures: list[NotEmbedded] = field(default_factory=list)
    """For the next requests."""
    fails_from: int | None = None
    """The request from which on all fail."""
    blocked: Any = None  # awaited before an answer, where there is one

    async def embed(self, offer: Offer, endpoint: Endpoint, texts: Sequence[str]) -> list[Vector | None]:
        self.asked.append((offer.catalog_id, len(texts)))
        if self.failures:
            raise self.failures.pop(0)
        if self.fails_from is not None and len(self.asked) >= self.fails_from:
            raise NotEmbedded("The provider test answered 500", may_pass=False)
        if self.blocked is not None:
            await self.blocked(texts)
        return [letters(text) for text in texts]


def letters(text: str) -> list[float] | None:
    counts = [float(text.lower().count(chr(97 + letter))) for letter in range(26)]
    return counts if any(counts) else None


@dataclass
class Desk:
    """The tools, asked."""

    index_tool: IndexTool
    query_tool: QueryTool
    delete_tool: DeleteTool
    known: Known
    told: list[ToolProgress] = field(default_factory=list)

    async def index(self, document_id: str, text: str, tenant: str = A, **more: Any) -> dict[str, Any]:
        arguments = {"document_id": document_id, "text": text, **more}
        return structured(await self.index_tool.call(self.call(tenant, arguments)))

    async def query(self, query: str, tenant: str = A, **more: Any) -> dict[str, Any]:
        return structured(await self.query_tool.call(self.call(tenant, {"query": query, **more})))

    async def delete(self, *document_ids: str, tenant: str = A) -> dict[str, Any]:
        return structured(await self.delete_tool.call(self.call(tenant, {"document_ids": document_ids})))

    async def found(self, query: str, tenant: str = A, **more: Any) -> list[str]:
        """The documents of the passages, in order."""
        return [one["document_id"] for one in (await self.query(query, tenant, **more))["results"]]

    def call(self, tenant: str, arguments: dict[str, Any]) -> Call:
        return Call("job", tenant, "user", arguments, deadline=0.0, tell=self.told.append)


def structured(result: ToolResult) -> dict[str, Any]:
    assert not result.is_error
    assert result.structured == json.loads(result.text)
    return result.structured or {}


def desk_of(
    database: Database, asks: Asks, *offers: Offer, settings: FileSearchSettings | None = None
) -> Desk:
    settings = settings or FileSearchSettings()
    known = Known(registry(*offers))
    embedder = Embedder(settings, known, asks)
    index = IndexTool(settings, database, embedder)
    return Desk(index, QueryTool(database, embedder), DeleteTool(database), known)
