"""file_search_index: a text is cut, embedded and kept, or nothing of it is.

No transaction is open while a provider is asked. Of two calls for one document, the one that began later is
the one whose text stays, whichever ends first.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

from contracts.tools.file_search import FILE_SEARCH_INDEX, IndexArguments, IndexResult
from contracts.tools.spec import ToolProgress, ToolResult
from infra.database import Database
from infra.settings import FileSearchSettings
from infra.store.file_search import (
    Chunk,
    FileDocumentRow,
    IndexFull,
    Room,
    begin_call,
    check_room,
    document_of,
    keep_document,
)
from workers.tool.core.arguments import read_arguments
from workers.tool.file_search.asking import Vector
from workers.tool.file_search.checking import check_document
from workers.tool.file_search.cutting import Cut, cut, searchable
from workers.tool.file_search.embedding import Embedder
from workers.tool.ports import Call, ToolFailed


class IndexTool:
    """The tool."""

    spec = FILE_SEARCH_INDEX
    off_reason: str | None = None

    def __init__(self, settings: FileSearchSettings, database: Database, embedder: Embedder) -> None:
        self._settings = settings
        self._database = database
        self._embedder = embedder
        self._room = Room(settings.tenant_documents, settings.tenant_chunks)

    async def call(self, call: Call) -> ToolResult:
        """Index a text. Raises BadArguments, ToolFailed, ApiError."""
        asked = read_arguments(IndexArguments, call.arguments)
        check_document(asked)
        digest = await asyncio.to_thread(self._digest, asked)
        model = await self._embedder.model()
        async with self._database.begin() as session:
            number = await begin_call(session)
            known = await document_of(session, call.tenant, asked.document_id)
        if known is not None and known.digest == digest and model in (known.embedding_model, None):
            return ToolResult.of(_result(known, "unchanged"))
        made = await asyncio.to_thread(self._cut, asked.text)
        row = _row(call.tenant, asked, made, digest, number)
        return ToolResult.of(await self._kept(call, row, made, model))

    async def _kept(self, call: Call, row: FileDocumentRow, made: Cut, model: str | None) -> IndexResult:
        try:
            async with self._database.begin() as session:
                await check_room(session, row, self._room)
            vectors = await self._vectors(call, made, model)
            chunks = await asyncio.to_thread(_chunks, made, vectors)
            row.dimensions = next((len(vector) for vector in vectors if vector is not None), None)
            row.embedding_model = None if row.dimensions is None else model
            row.indexed_at = datetime.now(UTC)
            async with self._database.begin() as session:
                status = await keep_document(session, row, chunks, self._room)
        except IndexFull as error:
            raise ToolFailed(str(error)) from error
        return _result(row, status)

    async def _vectors(self, call: Call, made: Cut, model: str | None) -> Sequence[Vector | None]:
        total = len(made.passages)
        if model is None:
            return [None] * total

        def tell(done: int) -> None:
            call.tell(ToolProgress(progress=done, total=total, message="Passages embedded"))

        return await self._embedder.embed(model, made.passages, tell)

    def _cut(self, text: str) -> Cut:
        return cut(text, self._settings.chunk_tokens, self._settings.overlap_tokens)

    def _digest(self, asked: IndexArguments) -> str:
        """Of what is given, and of how it is cut."""
        sizes = [self._settings.chunk_tokens, self._settings.overlap_tokens]
        given = [asked.text, asked.metadata, sorted(set(asked.tags)), sizes]
        return sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def _row(tenant: str, asked: IndexArguments, made: Cut, digest: str, number: int) -> FileDocumentRow:
    return FileDocumentRow(
        tenant=tenant,
        document_id=asked.document_id,
        digest=digest,
        meta=asked.metadata,
        tags=list(dict.fromkeys(asked.tags)),
        token_count=made.tokens,
        chunk_count=len(made.passages),
        call_number=number,
        indexed_at=datetime.now(UTC),
    )


def _chunks(made: Cut, vectors: Sequence[Vector | None]) -> list[Chunk]:
    return [
        Chunk(passage, searchable(passage), vector)
        for passage, vector in zip(made.passages, vectors, strict=True)
    ]


def _result(row: FileDocumentRow, status: str) -> IndexResult:
    return IndexResult(
        document_id=row.document_id,
        status=status,
        indexed_at=row.indexed_at,
        token_count=row.token_count,
        chunk_count=row.chunk_count,
        embedding_model=row.embedding_model,
    )
