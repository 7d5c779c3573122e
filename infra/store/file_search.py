"""Texts that tenants search: documents, and the passages that they are cut into.

A document is replaced by one transaction: its row is locked first, so that of two calls the second waits;
who began earlier (by `call_number`) changes nothing any more. A tenant's usage is counted last, since its
row is the one that all calls of the tenant share.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    String,
    literal_column,
    text,
    update,
)
from sqlalchemy import Sequence as SqlSequence
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR, insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import Field, col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.table import Table
from infra.store.vectors import Numbers, Vector, written

INDEXED_DIMENSIONS = (256, 384, 512, 768, 1_024, 1_536)
"""Of which there is an index of neighbours; vectors of others are compared one by one."""
CONFIGURATION = "english"
"""PostgreSQL's, by which texts become words: those of other languages stay as they are."""
SLICE = 200
"""Passages that are written by one statement, and documents that are deleted by one: each ends in time."""
CALLS = SqlSequence("file_search_calls", metadata=Table.metadata)

Kept = Literal["indexed", "replaced"]


class FileDocumentRow(Table, table=True):
    """One document of a tenant."""

    __tablename__ = "file_documents"

    tenant: str = Field(primary_key=True, max_length=128)
    document_id: str = Field(primary_key=True, max_length=256)
    """The tenant's own name for it: two tenants may have the same."""
    digest: str = Field(max_length=64)
    """SHA-256 of what was given."""
    meta: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False)
    )  # `metadata` is SQLAlchemy's own word
    tags: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(String), nullable=False))
    embedding_model: str | None = Field(default=None, max_length=256)
    """The catalog's id; None: only its words are compared."""
    dimensions: int | None = None
    token_count: int
    chunk_count: int
    call_number: int = Field(sa_type=BigInteger)
    """Of the call that wrote it; later ones have higher numbers."""
    indexed_at: datetime = Field(sa_type=DateTime(timezone=True))


class FileChunkRow(Table, table=True):
    """One passage of a document."""

    __tablename__ = "file_chunks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "document_id"],
            ["file_documents.tenant", "file_documents.document_id"],
            name="fk_file_chunks_document",
            ondelete="CASCADE",
        ),
        Index(
            "ix_file_chunks_words",
            "tenant",
            "words",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},  # its list of what is pending is read by every search
        ),
        *(
            Index(
                f"ix_file_chunks_embedding_{size}",
                literal_column(f"CAST(embedding AS vector({size}))").label("near"),
                postgresql_using="hnsw",
                postgresql_ops={"near": "vector_cosine_ops"},
                postgresql_where=text(f"dimensions = {size}"),
            )
            for size in INDEXED_DIMENSIONS
        ),
    )

    tenant: str = Field(primary_key=True, max_length=128)
    document_id: str = Field(primary_key=True, max_length=256)
    number: int = Field(primary_key=True)
    """In its document, from 0."""
    text: str
    words: str = Field(sa_column=Column(TSVECTOR, nullable=False))
    embedding_model: str | None = Field(default=None, max_length=256)
    """Of its document."""
    dimensions: int | None = None
    embedding: Any = Field(default=None, sa_column=Column(Vector))
    """None: only its words are compared."""


class FileSearchUsageRow(Table, table=True):
    """What a tenant has indexed."""

    __tablename__ = "file_search_usage"

    tenant: str = Field(primary_key=True, max_length=128)
    documents: int = 0
    chunks: int = 0


@dataclass(frozen=True)
class Chunk:
    """A passage as it is written."""

    text: str
    words: str
    """The text as PostgreSQL is to read its words."""
    embedding: Numbers | None = None


@dataclass(frozen=True)
class Room:
    """What a tenant may have."""

    documents: int
    chunks: int


class IndexFull(Exception):
    """A tenant would have more than it may. The message says of what."""


async def begin_call(session: AsyncSession) -> int:
    """The number of a call that begins now."""
    return int((await session.exec(select(CALLS.next_value()))).one())


async def document_of(session: AsyncSession, tenant: str, document_id: str) -> FileDocumentRow | None:
    """A document of a tenant."""
    return await session.get(FileDocumentRow, (tenant, document_id))


async def check_room(session: AsyncSession, row: FileDocumentRow, room: Room) -> None:
    """Nothing where there is room for a document, as things are now. Raises IndexFull."""
    usage = await session.get(FileSearchUsageRow, row.tenant)
    known = await document_of(session, row.tenant, row.document_id)
    documents = (usage.documents if usage else 0) + (known is None)
    chunks = (usage.chunks if usage else 0) + row.chunk_count - (known.chunk_count if known else 0)
    _check(documents, chunks, room, grows=(known is None, chunks > (usage.chunks if usage else 0)))


async def keep_document(
    session: AsyncSession, row: FileDocumentRow, chunks: Sequence[Chunk], room: Room
) -> Kept:
    """Write a document in place of what was there under its name; one that a later call wrote stays, as if
    it had been written afterwards. Raises IndexFull, and the transaction is to be given up."""
    values = row.model_dump() | {"metadata": row.meta}
    del values["meta"]
    given = insert(FileDocumentRow).values(**values)
    kept: ReturningInsert[tuple[bool]] = given.on_conflict_do_update(
        index_elements=["tenant", "document_id"],
        set_={name: value for name, value in values.items() if name not in ("tenant", "document_id")},
        where=col(FileDocumentRow.call_number) < row.call_number,
    ).returning(literal_column("xmax = 0"))  # of a row that was updated, xmax is the one before
    is_new = (await session.exec(kept)).scalar_one_or_none()
    if is_new is None:
        return "replaced"
    gone = 0 if is_new else await _forget_chunks(session, row)
    for first in range(0, len(chunks), SLICE):
        await _write_chunks(session, row, first, chunks[first : first + SLICE])
    usage = await _count(session, row.tenant, int(is_new), len(chunks) - gone)
    _check(usage.documents, usage.chunks, room, grows=(is_new, len(chunks) > gone))
    return "indexed" if is_new else "replaced"


async def drop_documents(session: AsyncSession, tenant: str, document_ids: Collection[str]) -> set[str]:
    """Forget documents; the names of those that there were."""
    ids = sorted(set(document_ids))
    gone: dict[str, int] = {}
    for part in _slices(ids):
        of_tenant = (col(FileDocumentRow.tenant) == tenant, col(FileDocumentRow.document_id).in_(part))
        locked = select(FileDocumentRow.document_id, FileDocumentRow.chunk_count).where(*of_tenant)
        in_order = locked.order_by(col(FileDocumentRow.document_id)).with_for_update()
        gone |= dict((await session.exec(in_order)).all())
        await session.exec(delete(FileDocumentRow).where(*of_tenant))
    if gone:
        await _count(session, tenant, -len(gone), -sum(gone.values()))
    return set(gone)


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[first : first + SLICE] for first in range(0, len(ids), SLICE))


async def _forget_chunks(session: AsyncSession, row: FileDocumentRow) -> int:
    of_document = (
        col(FileChunkRow.tenant) == row.tenant,
        col(FileChunkRow.document_id) == row.document_id,
    )
    return int((await session.exec(delete(FileChunkRow).where(*of_document))).rowcount)


_WRITE = text(f"""
INSERT INTO file_chunks (tenant, document_id, number, text, words, embedding_model, dimensions, embedding)
SELECT :tenant, :document_id, number, text, to_tsvector('{CONFIGURATION}', words),
       CAST(:model AS varchar), CAST(:dimensions AS integer), CAST(embedding AS vector)
FROM unnest(CAST(:numbers AS integer[]), CAST(:texts AS text[]), CAST(:words AS text[]),
            CAST(:embeddings AS text[])) AS given (number, text, words, embedding)
""")  # noqa: S608  a constant


async def _write_chunks(
    session: AsyncSession, row: FileDocumentRow, first: int, chunks: Sequence[Chunk]
) -> None:
    values = {
        "tenant": row.tenant,
        "document_id": row.document_id,
        "model": row.embedding_model,
        "dimensions": row.dimensions,
        "numbers": list(range(first, first + len(chunks))),
        "texts": [chunk.text for chunk in chunks],
        "words": [chunk.words for chunk in chunks],
        "embeddings": [None if one.embedding is None else written(one.embedding) for one in chunks],
    }
    await (await session.connection()).execute(_WRITE, values)


async def _count(session: AsyncSession, tenant: str, documents: int, chunks: int) -> FileSearchUsageRow:
    """The tenant's usage with so much more; its row is locked until the transaction ends."""
    first = insert(FileSearchUsageRow).values(tenant=tenant, documents=0, chunks=0)
    await session.exec(first.on_conflict_do_nothing())
    counted = (
        update(FileSearchUsageRow)
        .where(col(FileSearchUsageRow.tenant) == tenant)
        .values(
            documents=col(FileSearchUsageRow.documents) + documents,
            chunks=col(FileSearchUsageRow.chunks) + chunks,
        )
        .returning(col(FileSearchUsageRow.documents), col(FileSearchUsageRow.chunks))
    )
    now = (await session.exec(counted)).one()
    return FileSearchUsageRow(tenant=tenant, documents=now.documents, chunks=now.chunks)


def _check(documents: int, chunks: int, room: Room, *, grows: tuple[bool, bool]) -> None:
    if grows[0] and documents > room.documents:
        raise IndexFull(f"{room.documents:,} documents can be indexed, and there are so many: delete some")
    if grows[1] and chunks > room.chunks:
        raise IndexFull(f"{room.chunks:,} passages can be indexed, and it would be more: delete documents")
