"""What the code imports is declared, what is declared is locked, and the image's lock runs every room."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGES = {"api_edge", "workers", "contracts", "infra"}
TIED = {"pydantic-core"}
"""Named by a declared one at one exact version."""
LOCAL_STACK = ("infra/embedded/", "infra/cli/")
ROOMS = ["api_edge.__main__", "workers.completion.__main__", "infra.provision", "infra.cli.main"]
LIMIT = 60


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    """The project's table of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    return found


def declared(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imported(path: Path) -> Iterator[str]:
    """The top-level modules that a file imports, the standard library and our own left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names | PACKAGES:
                yield top


def locked(lock: Path) -> dict[str, str]:
    pins = re.findall(r"(?m)^([\w.-]+)==(\S+)", lock.read_text(encoding="utf-8"))
    return {canonicalize_name(name): version for name, version in pins}


def test_every_import_is_declared(project: dict[str, Any], kept_files: list[Path], repository: Path) -> None:
    always = declared(project["dependencies"]) | TIED
    locally = always | declared(project["optional-dependencies"]["embedded"])
    providers = packages_distributions()
    undeclared = set()

    for path in kept_files:
        name = path.relative_to(repository).as_posix()
        if path.suffix != ".py" or name.partition("/")[0] not in PACKAGES:
            continue
        allowed = locally if name.startswith(LOCAL_STACK) else always
        for module in imported(path):
            if not {canonicalize_name(one) for one in providers.get(module, [module])} & allowed:
                undeclared.add(f"{name}: {module}")

    assert undeclared == set()


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("requirements.lock", []),
        ("requirements-embedded.lock", ["embedded"]),
        ("requirements-dev.lock", ["embedded", "dev"]),
    ],
)
def test_every_declaration_is_locked_at_a_version_that_it_allows(
    project: dict[str, Any], repository: Path, name: str, extras: list[str]
) -> None:
    pins = locked(repository / "infra/deploy" / name)
    optional = project["optional-dependencies"]
    texts = project["dependencies"] + [text for extra in extras for text in optional[extra]]
    requirements = [Requirement(text) for text in texts]

    stale = [
        str(one)
        for one in requirements
        if not one.specifier.contains(pins.get(canonicalize_name(one.name), "0"), prereleases=True)
        or canonicalize_name(one.name) not in pins
    ]

    assert stale == []


@pytest.mark.parametrize("kind", ["", "-build", "-dev", "-embedded", "-java", "-model"])
def test_locks_hold_hashes_and_no_addresses(repository: Path, kind: str) -> None:
    text = (repository / f"infra/deploy/requirements{kind}.lock").read_text(encoding="utf-8")
    blocks = re.split(r"(?m)^(?=\S)", text)[1:]

    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_the_lock_of_the_image_is_enough_for_every_room(repository: Path) -> None:
    lock = repository / "infra/deploy/requirements.lock"
    command = [sys.executable, "-m", "tests.house.only_locked", str(lock), *ROOMS]

    done = subprocess.run(command, cwd=repository, capture_output=True, timeout=LIMIT, check=False)

    assert done.returncode == 0, done.stderr.decode()[-2_000:]
