"""file_search_query: the passages that fit a question, by meaning and by words.

Vectors of different models are never compared: a question is embedded once for each model by which the
documents in question are, as far as it is on offer, and each ranks its own. What no model on offer embedded
is found by its words.
"""

import logging
from collections.abc import Sequence

from contracts.tools.file_search import FILE_SEARCH_QUERY, Passage, QueryArguments, QueryResult
from contracts.tools.spec import ToolResult
from infra.database import Database, Transaction
from infra.store.passages import (
    Found,
    Scope,
    Space,
    nearest,
    read_passages,
    spaces_of,
)
from infra.store.words import with_words
from workers.tool.core.arguments import read_arguments
from workers.tool.file_search.asking import Vector
from workers.tool.file_search.checking import check_query, passages_wanted
from workers.tool.file_search.cutting import searchable
from workers.tool.file_search.embedding import Embedder
from workers.tool.file_search.fusing import OF_MEANING, fused, weight_of_words
from workers.tool.ports import Call, ToolFailed

MOST_SPACES = 3
"""Kinds of vectors that a question is compared with; those with the most passages."""
RANKED = 50
"""Passages of each ranking."""
PREVIEW = 240

Vectors = Sequence[tuple[Space, Vector]]

log = logging.getLogger(__name__)


class QueryTool:
    """The tool."""

    spec = FILE_SEARCH_QUERY
    off_reason: str | None = None

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder

    async def call(self, call: Call) -> ToolResult:
        """Search. Raises BadArguments, ApiError."""
        asked = read_arguments(QueryArguments, call.arguments)
        check_query(asked)
        scope = Scope(call.tenant, asked.document_ids, asked.tags, asked.metadata)
        async with self._database.begin() as session:
            spaces = await spaces_of(session, scope)
        vectors = await self._vectors(asked.query, spaces)
        async with self._database.begin() as session:
            passages = await _found(session, scope, asked, vectors)
        return ToolResult.of(
            QueryResult(
                query=asked.query,
                top_k=passages_wanted(asked.top_k),
                count=len(passages),
                results=passages,
                compared_by=list(dict.fromkeys(space.model for space, _ in vectors)),
            )
        )

    async def _vectors(self, question: str, spaces: Sequence[Space]) -> Vectors:
        """The question as each of the spaces has it; those whose model is away are left out."""
        embedded: dict[str, Vector | None] = {}
        known = [space for space in spaces if self._embedder.offers(space.model)][:MOST_SPACES]
        for model in dict.fromkeys(space.model for space in known):
            try:
                [embedded[model]] = await self._embedder.embed(model, [question])
            except ToolFailed as failure:
                log.warning("question_not_embedded", extra={"model": model, "error": str(failure)})
        of_spaces = ((space, embedded.get(space.model)) for space in known)
        return [(space, one) for space, one in of_spaces if one is not None and len(one) == space.dimensions]


async def _found(
    session: Transaction, scope: Scope, asked: QueryArguments, vectors: Vectors
) -> list[Passage]:
    rankings = [
        (OF_MEANING, await nearest(session, scope, space, vector, RANKED)) for space, vector in vectors
    ]
    by_words = await with_words(session, scope, searchable(asked.query), RANKED)
    rankings.append((weight_of_words(asked.query), by_words))
    best = fused(rankings, passages_wanted(asked.top_k))
    found = await read_passages(session, scope.tenant, [key for key, _ in best])
    return [_passage(found[key], score) for key, score in best if key in found]


def _passage(found: Found, score: float) -> Passage:
    return Passage(
        document_id=found.document_id,
        chunk=found.number,
        score=score,
        text=found.text,
        text_preview=found.text[:PREVIEW],
        metadata=found.metadata,
        tags=found.tags,
    )
