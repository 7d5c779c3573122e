"""What a file's bytes are known by."""

import asyncio
import hashlib
from pathlib import Path


async def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return await asyncio.to_thread(_digest, path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
