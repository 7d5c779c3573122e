"""The front door: every recipe is listed, grouped, documented and does what it says."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIMIT = 20
PROMISED = {
    *("setup", "check", "lint", "types", "imports", "test", "acceptance", "bench", "up", "down", "demo"),
    *(
        "logs",
        "topics",
        "migrate",
        "contracts",
        "test-fallback",
        "faults",
        "status",
        "format",
        "lock",
        "secrets",
    ),
}


@pytest.fixture(scope="module")
def just() -> Path:
    """The `just` of the development tools, beside the Python that runs the tests."""
    return Path(sys.executable).parent / "just"


@pytest.fixture(scope="module")
def recipes(repository: Path, just: Path) -> dict[str, Any]:
    """What `just` itself understands of the justfile, without what is private."""
    dump = [str(just), "--dump", "--dump-format", "json"]
    out = subprocess.run(dump, cwd=repository, capture_output=True, timeout=LIMIT, check=True).stdout
    return {name: recipe for name, recipe in json.loads(out)["recipes"].items() if not recipe["private"]}


def test_recipes_are_those_promised(recipes: dict[str, Any]) -> None:
    assert recipes.keys() == PROMISED


def test_every_recipe_is_documented_and_grouped(recipes: dict[str, Any]) -> None:
    for name, recipe in recipes.items():
        assert recipe["doc"], name
        assert [group for attribute in recipe["attributes"] for group in attribute.values()], name


def test_check_is_everything_that_must_hold(recipes: dict[str, Any]) -> None:
    steps = [step["recipe"] for step in recipes["check"]["dependencies"]]

    assert steps == ["lint", "types", "imports", "contracts", "test"]
    assert recipes["check"]["dependencies"][3]["arguments"] == ["--check"]


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_programs_of_a_recipe_exist(repository: Path, just: Path, name: str) -> None:
    dry = [str(just), "--dry-run", name]

    said = subprocess.run(dry, cwd=repository, capture_output=True, timeout=LIMIT, check=True).stderr.decode()

    programs = [just.parent / program for program in re.findall(r"\.venv/bin/(\S+)", said)]
    scripts = [repository / script for script in re.findall(r"python3 (\S+\.py)", said)]
    assert [path for path in programs + scripts if not path.is_file()] == []
    modules = re.findall(r"bin/python -m (\S+)", said)
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


def test_secrets_writes_what_compose_needs_and_never_over_it(
    repository: Path, just: Path, tmp_path: Path
) -> None:
    (tmp_path / "infra/deploy").mkdir(parents=True)
    for name in ("justfile", "infra/deploy/compose.env.example"):
        (tmp_path / name).write_text((repository / name).read_text(encoding="utf-8"), encoding="utf-8")

    first = subprocess.run([just, "secrets"], cwd=tmp_path, capture_output=True, timeout=LIMIT, check=False)
    written = (tmp_path / ".env").read_text(encoding="utf-8")
    second = subprocess.run([just, "secrets"], cwd=tmp_path, capture_output=True, timeout=LIMIT, check=False)

    values = re.findall(r"(?m)^\w*(?:PASSWORD|SECRET)\w*=(.*)$", written)
    assert first.returncode == 0
    assert len(set(values)) == len(values) > 0
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in values)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert second.returncode != 0
    assert (tmp_path / ".env").read_text(encoding="utf-8") == written
