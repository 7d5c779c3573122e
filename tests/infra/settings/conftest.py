"""Where the product is started from."""

from pathlib import Path

import pytest


@pytest.fixture
def repository(pytestconfig: pytest.Config) -> Path:
    """The checkout."""
    return Path(pytestconfig.rootpath)
