"""file_search: how texts are cut, compared and kept."""

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import section


class FileSearchSettings(BaseSettings):
    """`JAN_FILE_SEARCH_*`: the tool worker reads it."""

    model_config = section("JAN_FILE_SEARCH_")

    embedding_model: str | None = None
    """The model that compares passages, as `local/word-vectors`; None: the first on offer that makes
    embeddings, and where there is none, only words are compared."""
    chunk_tokens: int = Field(200, ge=16)
    """Of one passage, about."""
    overlap_tokens: int = Field(40, ge=0)
    """That a passage shares with the one before."""
    tenant_documents: int = Field(10_000, gt=0)
    """Documents of one tenant."""
    tenant_chunks: int = Field(1_000_000, gt=0)
    """Passages of one tenant."""
    batch: int = Field(64, gt=0)
    """Passages that are embedded by one request."""
    embed_seconds: float = Field(20.0, gt=0)
    """That one such request may take."""
