"""The import contracts catch what they are there for: one planted violation each, in a copy of the tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 60
PACKAGES = ("api_edge", "workers", "contracts", "infra")
PLANTED = {
    "Edge and workers stand side by side on infra; infra stands on contracts": (
        "contracts/ids.py",
        "import infra.settings",
    ),
    "Inside the edge: app > surfaces > auth > relay and shared pieces": (
        "api_edge/errors.py",
        "import api_edge.app",
    ),
    "Cores do no I/O of their own": ("workers/completion/core/planted.py", "import infra.settings"),
    "Adapters do not know each other": ("infra/relay/keys.py", "import infra.bus.errors"),
    "Inside the contracts: messages stand on ids and base": ("contracts/base.py", "import contracts.topics"),
    "Contracts know pydantic and nothing else": ("contracts/envelope.py", "import starlette"),
    "The edge holds no drivers and no model clients": ("api_edge/deps.py", "import redis"),
    "Workers serve no HTTP and open no drivers": ("workers/runtime/planted.py", "import aiokafka"),
    "No cycles among siblings anywhere": ("infra/settings/fields.py", "import infra.relay.keys"),
}


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """The packages and their contracts, apart from the tree that others work in."""
    for package in PACKAGES:
        shutil.copytree(
            repository / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(repository / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> str:
    """What lint-imports says of a folder, in lines wide enough for every name."""
    command = ["env", "COLUMNS=200", str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT, check=False)
    return re.sub(r"\x1b\[[\d;]*m", "", done.stdout.decode())


def test_each_planted_violation_breaks_its_contract(copy: Path) -> None:
    for name, line in PLANTED.values():
        with (copy / name).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")

    broken = set(re.findall(r"(?m)^(.+) BROKEN$", lint(copy)))

    assert PLANTED.keys() - broken == set()


def test_a_new_module_must_be_given_a_place(copy: Path) -> None:
    rooms = ["api_edge", "workers", "contracts", "infra", "workers/completion"]
    for room in rooms:
        (copy / room / "planted.py").write_text('"""Belongs nowhere yet."""\n', encoding="utf-8")

    homeless = set(re.findall(r"(?m)^- (\S+)\.planted$", lint(copy)))

    assert homeless == {room.replace("/", ".") for room in rooms}
