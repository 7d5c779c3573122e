"""Media: what is taken in, how much of it, and for how long."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import MIB, Words, section

GIB = 1024 * MIB
DAY = 86_400.0


class MediaSettings(BaseSettings):
    """`JAN_MEDIA_*`: the edge, the media worker and the completion worker read it."""

    model_config = section("JAN_MEDIA_")

    max_bytes: int = Field(20 * MIB, gt=0)
    """Of one file."""
    max_pixels: int = Field(40_000_000, gt=0)
    """Of one image, width times height."""
    max_side: int = Field(16_384, gt=0)
    """Pixels of an image's longer side."""
    max_frames: int = Field(200, gt=0)
    """Of one animated image."""
    inspect_seconds: float = Field(5.0, gt=0)
    """Of the processor that looking at one file may take."""
    fetch_seconds: float = Field(15.0, gt=0)
    """That fetching one remote file may take."""
    networks: Words = ()
    """Private networks that remote files may be fetched from, as `10.1.0.0/16`. By default none."""
    link_seconds: int = Field(300, ge=1, le=604_800)
    """Life of a presigned link."""
    upload_seconds: float = Field(3_600.0, gt=0)
    """That a client which sends its file to the store itself has for it; what is not complete then goes."""
    receive_seconds: float = Field(300.0, gt=0)
    """That a file sent to the edge may take to arrive."""
    job_seconds: float = Field(120.0, gt=0)
    """From a job's acceptance to its deadline."""
    uploads: int = Field(512, gt=0)
    """Files that one edge receives at once."""
    spool: Path | None = None
    """The folder of files on their way; None: the system's own for temporary files."""
    retention: float = Field(30 * DAY, gt=0)
    """Seconds for which media are kept after they came, or came again."""
    tenant_bytes: int = Field(10 * GIB, ge=0)
    """That one tenant's media may take; 0: as much as it likes."""
    inline_bytes: int = Field(32 * MIB, gt=0)
    """Of the media that one request to a model carries as data."""
    sweep_seconds: float = Field(60.0, gt=0)
    """Between two looks for what is too old."""
    orphan_seconds: float = Field(DAY, gt=0)
    """Age from which on an object that nobody knows is removed."""
