"""The repository itself, as the tests of the house look at it."""

import subprocess
from pathlib import Path

import pytest

GIT_LIMIT = 30


@pytest.fixture(scope="session")
def repository(pytestconfig: pytest.Config) -> Path:
    """The folder that holds everything."""
    return Path(pytestconfig.rootpath)


@pytest.fixture(scope="session")
def kept_files(repository: Path) -> list[Path]:
    """What git keeps, or would keep if it were added."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        out = subprocess.run(
            listing, cwd=repository, capture_output=True, timeout=GIT_LIMIT, check=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs git and a checkout: {error}")
    paths = (repository / name for name in out.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]
