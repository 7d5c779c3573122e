"""The home in which these tests' programs run."""

from pathlib import Path

import pytest

from infra.embedded.home import Home, open_home
from infra.embedded.place import Place
from infra.embedded.ports import Ports


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


@pytest.fixture
def stand(home: Home) -> Place:
    """Where the programs stand."""
    return Place(home, Ports(usual=False))
