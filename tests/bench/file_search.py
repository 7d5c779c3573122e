"""What 100,000 passages of three tenants cost: to write, and to find by the index, one by one, and by words.

Vectors lie in clusters, as those of texts do, and words are as frequent as words are (by Zipf's law). Run it
as `python -m tests.bench.file_search`, with `--chunks` for another size; it brings its own PostgreSQL.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.database import Database, open_database
from infra.embedded.child import await_ready, start_child, stop_child
from infra.embedded.home import open_home
from infra.embedded.place import Place
from infra.embedded.ports import Ports
from infra.embedded.postgres import postgres_server
from infra.migrations.upgrade import upgrade
from infra.settings import DatabaseSettings
from infra.store.file_search import Chunk, FileDocumentRow, Room, begin_call, keep_document
from infra.store.passages import Key, Scope, Space, by_index, index_query, one_by_one
from infra.store.vectors import written
from infra.store.words import with_words

SIZE = 256
CLUSTERS = 500
SHARES = {"big": 0.70, "medium": 0.28, "small": 0.02}
OF_DOCUMENT = 500
QUERIES = 100
MODEL = "bench/model"
WORDS = [f"word{number}x" for number in range(20_000)]
ROOM = Room(10**6, 10**7)

Search = Callable[[AsyncSession], Awaitable[list[Key]]]
Near = Callable[[AsyncSession, Scope, Space, Sequence[float], int], Awaitable[list[Key]]]


class Texts:
    """Makes vectors and texts, the same in each run."""

    def __init__(self) -> None:
        self._random = random.Random(20)  # noqa: S311  no secret
        self._centres = [[self._random.gauss(0, 1) for _ in range(SIZE)] for _ in range(CLUSTERS)]
        self._weights = [1 / rank for rank in range(1, len(WORDS) + 1)]

    def vector(self) -> list[float]:
        """Near one of the centres."""
        centre = self._random.choice(self._centres)
        return [one + self._random.gauss(0, 0.7) for one in centre]

    def words(self, count: int) -> str:
        """So many words, the usual ones more often."""
        return " ".join(self._random.choices(WORDS, self._weights, k=count))

    def question(self) -> str:
        """Three usual words and a rare one."""
        return f"{self.words(3)} {self._random.choice(WORDS[5_000:])}"

    def chunk(self) -> Chunk:
        """A passage."""
        said = self.words(120)
        return Chunk(said, said, self.vector())


async def measure(chunks: int) -> None:
    """Fill a database, ask it, and print the figures."""
    texts = Texts()
    async with filled_server() as database:
        for tenant, share in SHARES.items():
            await fill(database, texts, tenant, int(chunks * share))
        async with database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("ANALYZE file_chunks"))
            await print_sizes(database)
        for tenant, share in SHARES.items():
            await ask(database, texts, Space(MODEL, SIZE, int(chunks * share)), Scope(tenant))
        await explain(database, texts)


@asynccontextmanager
async def filled_server() -> AsyncIterator[Database]:
    """PostgreSQL with the product's tables, which ends with the block."""
    with TemporaryDirectory() as folder:
        place = place_in(Path(folder))
        server = await postgres_server(place)
        child = start_child(server, place.home)
        try:
            await await_ready(child)
            settings = DatabaseSettings(url=SecretStr(server.offers["JAN_DATABASE_URL"]), timeout=60.0)
            await upgrade(settings)
            async with open_database(settings) as database:
                yield database
        finally:
            await stop_child(child)


def place_in(folder: Path) -> Place:
    """Where the server stands; who runs it is not who made the folder."""
    folder.chmod(0o755)
    return Place(open_home(folder / "home", Path(".jan/cache").resolve()), Ports(usual=False))


async def fill(database: Database, texts: Texts, tenant: str, chunks: int) -> None:
    """Documents of one tenant."""
    seconds = 0.0
    for first in range(0, chunks, OF_DOCUMENT):
        made = [texts.chunk() for _ in range(min(OF_DOCUMENT, chunks - first))]
        began = time.perf_counter()
        async with database.begin() as session:
            row = FileDocumentRow(
                tenant=tenant, document_id=f"d{first}", digest="", embedding_model=MODEL, dimensions=SIZE,
                token_count=0, chunk_count=len(made), call_number=await begin_call(session),
                indexed_at=datetime.now(UTC),
            )  # fmt: skip
            await keep_document(session, row, made, ROOM)
        seconds += time.perf_counter() - began
    print(f"{tenant}: {chunks:,} passages written in {seconds:.0f} s, {chunks / seconds:,.0f} a second")


async def print_sizes(database: Database) -> None:
    """Of the table and its indexes."""
    sizes = text(
        "SELECT indexrelname AS name, pg_relation_size(indexrelid) AS bytes FROM pg_stat_user_indexes "
        "WHERE relname = 'file_chunks' UNION SELECT 'file_chunks', pg_table_size('file_chunks') ORDER BY 2"
    )
    async with database.begin() as session:
        for row in await (await session.connection()).execute(sizes):
            print(f"  {row.name}: {row.bytes / 2**20:.0f} MiB")


async def ask(database: Database, texts: Texts, space: Space, scope: Scope) -> None:
    """One tenant's questions, by each way."""
    vectors = [texts.vector() for _ in range(QUERIES)]
    exact = await timed(database, [near_of(one_by_one, scope, space, one, 10) for one in vectors])
    near = await timed(database, [near_of(by_index, scope, space, one, 10) for one in vectors])
    near50 = await timed(database, [near_of(by_index, scope, space, one, 50) for one in vectors])
    questions = [texts.question() for _ in range(QUERIES)]
    found = await timed(database, [words_of(scope, one) for one in questions])
    recall = statistics.mean(
        len(set(one) & set(other)) / 10 for one, other in zip(near[1], exact[1], strict=True)
    )
    print(f"{scope.tenant} ({space.chunks:,}):")
    print(f"  one by one: {figures(exact[0])}")
    print(f"  by index, 10: {figures(near[0])}, recall@10 {recall:.3f}")
    print(f"  by index, 50: {figures(near50[0])}, all found: {all(len(one) == 50 for one in near50[1])}")
    print(f"  by words: {figures(found[0])}")


def near_of(how: Near, scope: Scope, space: Space, vector: Sequence[float], most: int) -> Search:
    """One search by meaning."""

    async def search(session: AsyncSession) -> list[Key]:
        return await how(session, scope, space, vector, most)

    return search


def words_of(scope: Scope, question: str) -> Search:
    """One search by words."""

    async def search(session: AsyncSession) -> list[Key]:
        return await with_words(session, scope, question, 50)

    return search


async def timed(database: Database, searches: Sequence[Search]) -> tuple[list[float], list[list[Key]]]:
    """Seconds of each, and what it found."""
    seconds, found = [], []
    for search in searches:
        async with database.begin() as session:
            began = time.perf_counter()
            found.append(await search(session))
            seconds.append(time.perf_counter() - began)
    return seconds, found


def figures(seconds: Sequence[float]) -> str:
    """Of a list of times."""
    ordered = sorted(seconds)
    return (
        f"p50 {statistics.median(ordered) * 1e3:.1f} ms, p95 {ordered[int(len(ordered) * 0.95)] * 1e3:.1f} ms"
    )


async def explain(database: Database, texts: Texts) -> None:
    """How PostgreSQL answers the big tenant's question."""
    query = text(f"EXPLAIN (ANALYZE, COSTS OFF) {index_query(Scope('big'), SIZE).text}")
    values = {
        "tenant": "big",
        "model": MODEL,
        "vector": written(texts.vector()),
        "most": 10,
        "candidates": 40,
    }
    async with database.begin() as session:
        for row in await (await session.connection()).execute(query, values):
            print(f"  {row[0]}"[:140])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, default=100_000)
    asyncio.run(measure(parser.parse_args().chunks))
