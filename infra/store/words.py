"""Passages that are found by their words: those with the most, and the rarest, of a question's.

To rank a passage its words have to be read, which costs more than to find it. So the rare words of a question
say which passages are ranked at all, as many as MOST_RANKED; the usual ones only say which of them is better.
How usual a word is, PostgreSQL's own statistics tell: what they do not name is rare.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from infra.store.file_search import CONFIGURATION
from infra.store.passages import Key, Scope, keys_of, within

MOST_WORDS = 64
"""Of a question, that are looked for."""
MOST_RANKED = 2_000
"""Passages whose words are read; more are not looked at, whatever they hold."""
RAREST = 1e-5
"""The share of passages that is taken to hold a word of which nothing is known."""


@dataclass(frozen=True)
class Word:
    """One of a question."""

    lexeme: str
    share: float
    """Of all passages: how many hold it, about."""

    @property
    def weight(self) -> float:
        """What it says of a passage to hold it (inverse document frequency)."""
        return math.log(1 + 1 / max(self.share, RAREST))


async def with_words(session: AsyncSession, scope: Scope, question: str, most: int) -> list[Key]:
    """The scope's passages that hold words of a question, the best first."""
    connection = await session.connection()
    values = {"question": question, "most": MOST_WORDS, "tenant": scope.tenant}
    rows = (await connection.execute(_ASKED, values)).all()
    words = sorted((Word(row.lexeme, row.share) for row in rows), key=lambda word: word.share)
    if not words:
        return []
    telling = telling_words(words, rows[0].chunks)
    statement = f"""
        WITH asked AS MATERIALIZED (
            SELECT CAST(one AS tsquery) AS one, weight
            FROM unnest(CAST(:words AS text[]), CAST(:weights AS float8[])) AS given (one, weight)
        ), found AS MATERIALIZED (
            SELECT c.document_id, c.number, setweight(c.words, 'D') AS words FROM file_chunks c
            WHERE c.tenant = :tenant AND c.words @@ CAST(:telling AS tsquery) {within(scope)} LIMIT :ranked
        )
        SELECT document_id, number FROM found
        ORDER BY (SELECT sum(weight) FROM asked WHERE found.words @@ asked.one) DESC, document_id, number
        LIMIT :most"""  # noqa: S608  its condition names values
    given = scope.values | {
        "words": [_quoted(word) for word in words],
        "weights": [word.weight for word in words],
        "telling": " | ".join(map(_quoted, telling)),
        "ranked": MOST_RANKED,
        "most": most,
    }
    return await keys_of(session, text(statement), given)


def telling_words(words: Sequence[Word], chunks: int) -> Sequence[Word]:
    """The rarest, as many as so many passages hold not too often; at least one. They come in this order."""
    held, count = 0.0, 0
    for word in words:
        held += word.share * chunks
        if count and held > MOST_RANKED:
            break
        count += 1
    return words[:count]


def _quoted(word: Word) -> str:
    """As a tsquery has it (postgresql.org/docs/current/datatype-textsearch.html)."""
    escaped = word.lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


_ASKED = text(f"""
WITH usual AS (
    SELECT word, share FROM pg_stats, unnest(
        CAST(CAST(most_common_elems AS text) AS text[]), most_common_elem_freqs
    ) AS held (word, share)
    WHERE schemaname = current_schema() AND tablename = 'file_chunks' AND attname = 'words'
)
SELECT lexeme, coalesce(share, 0) AS share,
       coalesce((SELECT chunks FROM file_search_usage WHERE tenant = :tenant), 0) AS chunks
FROM (
    SELECT lexeme FROM unnest(to_tsvector('{CONFIGURATION}', :question))
    ORDER BY positions[1], lexeme LIMIT :most
) AS asked LEFT JOIN usual ON word = lexeme
""")  # noqa: S608  a constant
