"""The object stores of these tests."""

from collections.abc import AsyncIterator

import pytest

from infra.objects import ObjectStore, open_objects
from infra.settings import ObjectSettings
from tests.infra.minio_server import minio, store

__all__ = ["bucket", "minio", "store"]


@pytest.fixture
async def bucket(store: ObjectSettings) -> AsyncIterator[ObjectStore]:
    """The bucket, in each store in turn."""
    async with open_objects(store) as opened:
        await opened.ensure_bucket()
        yield opened
