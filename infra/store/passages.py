"""How passages are found by the neighbours of a vector. Every query names its tenant first.

Up to EXACT_MOST passages, all of the scope are compared, which finds exactly the nearest. Of more, the index
of neighbours gives candidates until enough of them are in the scope (pgvector's iterative scan); where it
gives up before, all are compared.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json
from sqlalchemy import TextClause, text
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.file_search import INDEXED_DIMENSIONS
from infra.store.vectors import Numbers, written

EXACT_MOST = 20_000
"""Passages; to compare so many takes up to 100 ms on a busy machine."""
EF_SEARCH = 100
"""Candidates that the index holds at once: more are slower, and miss less."""
CANDIDATES = 4
"""Passages that the index gives for each that is wanted: where few of its own are a tenant's, it is not exact
about their order."""
MOST_SCANNED = 100_000
"""Tuples after which the index gives up."""
Key = tuple[str, int]
"""A document's name, and a passage's number in it."""
Json = dict[str, Any]  # metadata as tenants give them


@dataclass(frozen=True)
class Scope:
    """Where is looked."""

    tenant: str
    document_ids: Collection[str] = ()
    """Only in these; none: in all."""
    tags: Collection[str] = ()
    """Only in documents with all of these."""
    metadata: Json = field(default_factory=dict)
    """Only in documents whose metadata contain this."""

    @property
    def condition(self) -> str:
        """What a document `d` must be, in SQL."""
        parts = ["d.tenant = :tenant"]
        parts += ["d.document_id = ANY(:document_ids)"] * bool(self.document_ids)
        parts += ["d.tags @> CAST(:tags AS varchar[])"] * bool(self.tags)
        parts += ["d.metadata @> CAST(:metadata AS jsonb)"] * bool(self.metadata)
        return " AND ".join(parts)

    @property
    def is_narrow(self) -> bool:
        """Whether not all of the tenant's documents are in it."""
        return bool(self.document_ids or self.tags or self.metadata)

    @property
    def values(self) -> dict[str, object]:
        """What the condition names."""
        given: dict[str, object] = {"tenant": self.tenant}
        given |= {"document_ids": sorted(self.document_ids)} if self.document_ids else {}
        given |= {"tags": sorted(self.tags)} if self.tags else {}
        return given | ({"metadata": to_json(self.metadata).decode()} if self.metadata else {})


@dataclass(frozen=True)
class Space:
    """Passages that can be compared with each other."""

    model: str
    dimensions: int
    chunks: int


@dataclass(frozen=True)
class Found:
    """A passage, and what its document says of itself."""

    document_id: str
    number: int
    text: str
    metadata: Json
    tags: list[str]


async def spaces_of(session: AsyncSession, scope: Scope) -> list[Space]:
    """By what the scope's passages can be compared, the largest first."""
    statement = f"""
        SELECT embedding_model, dimensions, sum(chunk_count) AS chunks FROM file_documents d
        WHERE {scope.condition} AND embedding_model IS NOT NULL
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""  # noqa: S608  its condition names values
    rows = await (await session.connection()).execute(text(statement), scope.values)
    return [Space(row.embedding_model, row.dimensions, int(row.chunks)) for row in rows]


async def nearest(session: AsyncSession, scope: Scope, space: Space, vector: Numbers, most: int) -> list[Key]:
    """The passages of a space that are nearest to a vector by cosine, the nearest first."""
    if space.chunks > EXACT_MOST and space.dimensions in INDEXED_DIMENSIONS:
        found = await by_index(session, scope, space, vector, most)
        if len(found) == most:
            return found
    return await one_by_one(session, scope, space, vector, most)


async def one_by_one(
    session: AsyncSession, scope: Scope, space: Space, vector: Numbers, most: int
) -> list[Key]:
    """The same, all of them compared."""
    statement = f"""
        SELECT c.document_id, c.number FROM file_chunks c
        WHERE {_comparable(scope, "c.dimensions = :size")}
        ORDER BY c.embedding <=> CAST(CAST(:vector AS text) AS vector) LIMIT :most"""  # noqa: S608  the same
    values = _near_values(scope, space, vector, most) | {"size": space.dimensions}
    return await keys_of(session, text(statement), values)


async def by_index(
    session: AsyncSession, scope: Scope, space: Space, vector: Numbers, most: int
) -> list[Key]:
    """The same by the index, which may miss some."""
    given = {"ef": str(EF_SEARCH), "scanned": str(MOST_SCANNED)}
    await (await session.connection()).execute(_HNSW, given)
    values = _near_values(scope, space, vector, most) | {"candidates": CANDIDATES * most}
    return await keys_of(session, index_query(scope, space.dimensions), values)


def index_query(scope: Scope, dimensions: int) -> TextClause:
    """The query that the index of these dimensions answers: sizes are written out, as the index has them."""
    kind = f"vector({int(dimensions)})"
    distance = f"CAST(c.embedding AS {kind}) <=> CAST(CAST(:vector AS text) AS {kind})"
    return text(f"""
        WITH near AS MATERIALIZED (
            SELECT c.document_id, c.number, {distance} AS distance FROM file_chunks c
            WHERE {_comparable(scope, f"c.dimensions = {int(dimensions)}")}
            ORDER BY {distance} LIMIT :candidates
        )
        SELECT document_id, number FROM near ORDER BY distance LIMIT :most""")  # noqa: S608  numbers and names


async def read_passages(session: AsyncSession, tenant: str, keys: Sequence[Key]) -> dict[Key, Found]:
    """A tenant's passages by their keys; those that are gone are missing."""
    values = {"tenant": tenant, "ids": [key[0] for key in keys], "numbers": [key[1] for key in keys]}
    rows = await (await session.connection()).execute(_READ, values)
    return {
        (row.document_id, row.number): Found(row.document_id, row.number, row.text, row.metadata, row.tags)
        for row in rows
    }


def within(scope: Scope) -> str:
    """What a passage `c` must be beside of its tenant's, in SQL."""
    if not scope.is_narrow:
        return ""
    inner = f"SELECT d.document_id FROM file_documents d WHERE {scope.condition}"  # noqa: S608  the same
    return f"AND c.document_id IN ({inner})"


async def keys_of(session: AsyncSession, statement: TextClause, values: dict[str, object]) -> list[Key]:
    """The passages that a statement gives."""
    rows = await (await session.connection()).execute(statement, values)
    return [(row.document_id, row.number) for row in rows]


_HNSW = text("""
SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', :ef, true),
       set_config('hnsw.max_scan_tuples', :scanned, true)
""")
_READ = text("""
SELECT c.document_id, c.number, c.text, d.metadata, d.tags
FROM unnest(CAST(:ids AS varchar[]), CAST(:numbers AS integer[])) AS wanted (document_id, number)
JOIN file_chunks c ON c.tenant = :tenant AND c.document_id = wanted.document_id AND c.number = wanted.number
JOIN file_documents d ON d.tenant = c.tenant AND d.document_id = c.document_id
""")


def _comparable(scope: Scope, of_size: str) -> str:
    """What a passage `c` must be, in SQL, to be compared."""
    of_model = f"c.tenant = :tenant AND c.embedding_model = :model AND {of_size}"
    return f"{of_model} AND c.embedding IS NOT NULL {within(scope)}"


def _near_values(scope: Scope, space: Space, vector: Numbers, most: int) -> dict[str, object]:
    return scope.values | {"model": space.model, "vector": written(vector), "most": most}
