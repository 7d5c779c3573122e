"""file_search_*: a tenant's own texts, indexed, queried and deleted."""

from typing import Any

from pydantic import AwareDatetime, Field, JsonValue

from contracts.base import Message
from contracts.tools.spec import ToolSpec, schema_of

MOST_TEXT = 4_000_000
"""Characters of one document."""


class IndexArguments(Message):
    """A text, and by what it is found again."""

    document_id: str = Field(
        min_length=1, max_length=256, description="Its name; indexed again, it is replaced"
    )
    text: str = Field(min_length=1, max_length=MOST_TEXT, description="The text to be searched")
    metadata: dict[str, JsonValue] = Field(
        default_factory=dict, max_length=64, description="What else is known of it; queries can filter by it"
    )
    tags: list[str] = Field(default_factory=list, max_length=64, description="Words to filter queries by")


class IndexResult(Message):
    """What became of a document."""

    document_id: str
    status: str
    """`indexed`, `replaced`, or `unchanged` where it is indexed so already."""
    indexed_at: AwareDatetime
    token_count: int
    chunk_count: int
    embedding_model: str | None
    """By which its chunks are compared; None where only words are."""


class QueryArguments(Message):
    """What is looked for, and where."""

    query: str = Field(
        min_length=1, max_length=10_000, description="What to look for, as a question or as words"
    )
    top_k: int = Field(5, description="How many passages at most, 1 to 20")
    document_ids: list[str] = Field(
        default_factory=list, max_length=1_000, description="Only in these documents"
    )
    tags: list[str] = Field(
        default_factory=list, max_length=64, description="Only in documents with all of these"
    )
    metadata: dict[str, JsonValue] = Field(
        default_factory=dict, max_length=64, description="Only in documents whose metadata hold all of these"
    )


class Passage(Message):
    """A part of a document that fits."""

    document_id: str
    chunk: int
    """Its number in the document, from 0."""
    score: float
    """The higher, the better it fits; comparable within one answer only."""
    text: str
    text_preview: str
    """The first 240 characters."""
    metadata: dict[str, Any]  # as it was given
    tags: list[str]


class QueryResult(Message):
    """What was found, the best first."""

    query: str
    top_k: int
    count: int
    results: list[Passage]
    compared_by: list[str] = Field(default_factory=list)
    """The models by which meanings were compared; none: only words were."""


class DeleteArguments(Message):
    """Which documents."""

    document_ids: list[str] = Field(min_length=1, max_length=1_000, description="The documents to forget")


class DeleteResult(Message):
    """What became of them."""

    deleted: list[str]
    not_found: list[str]


FILE_SEARCH_INDEX = ToolSpec(
    name="file_search_index",
    title="Index a text",
    description="Store a text, so that file_search_query finds it. The same document_id replaces it.",
    input_schema=schema_of(IndexArguments),
    output_schema=schema_of(IndexResult),
    seconds=300.0,  # some thousand passages are embedded and written
    is_idempotent=True,
)
FILE_SEARCH_QUERY = ToolSpec(
    name="file_search_query",
    title="Search indexed texts",
    description="Find the passages of the indexed texts that fit a question best, by meaning and by words.",
    input_schema=schema_of(QueryArguments),
    output_schema=schema_of(QueryResult),
    is_read_only=True,
    is_idempotent=True,
)
FILE_SEARCH_DELETE = ToolSpec(
    name="file_search_delete",
    title="Forget indexed texts",
    description="Delete documents from the index.",
    input_schema=schema_of(DeleteArguments),
    output_schema=schema_of(DeleteResult),
    is_destructive=True,
    is_idempotent=True,
)
