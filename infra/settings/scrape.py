"""scrape: what may be fetched, and how much of it."""

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import MIB, Words, section


class ScrapeSettings(BaseSettings):
    """`JAN_SCRAPE_*`: the tool worker reads it."""

    model_config = section("JAN_SCRAPE_")

    networks: Words = ()
    """Private networks that pages may be fetched from, as `10.1.0.0/16`. By default none."""
    fetch_seconds: float = Field(20.0, gt=0)
    """That fetching one page may take."""
    max_html: int = Field(2 * MIB, gt=0)
    """Bytes of a web page; what is longer is cut."""
    max_bytes: int = Field(10 * MIB, gt=0)
    """Bytes of any other file."""
    extract_seconds: float = Field(5.0, gt=0)
    """Of the processor that finding a page's main text may take."""
    extract_memory: int = Field(768 * MIB, gt=0)
    """Bytes that it may take."""
    at_once: int = Field(2, gt=0)
    """Pages that are looked at at once."""
    max_text: int = Field(50_000, gt=0)
    """Characters of text, and of Markdown, that are passed on."""
    robots: bool = True
    """Whether a site's robots.txt is obeyed (RFC 9309)."""
    robots_seconds: float = Field(3_600.0, gt=0)
    """For how long a robots.txt is remembered."""
