"""What CI runs is what the README tells a newcomer to run."""

import subprocess
import tomllib
from pathlib import Path

TEST_COMMAND = "python3 infra/embedded/bootstrap.py test"
LIMIT = 20


def test_the_script_is_bash_that_stops_at_the_first_failure(repository: Path) -> None:
    script = repository / ".ci/run"

    parsed = subprocess.run(["bash", "-n", script], capture_output=True, timeout=LIMIT, check=False)

    assert parsed.returncode == 0, parsed.stderr.decode()
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_it_ends_with_the_test_command_of_the_readme(repository: Path) -> None:
    last = (repository / ".ci/run").read_text(encoding="utf-8").splitlines()[-1]

    assert last == f"exec {TEST_COMMAND}"
    assert TEST_COMMAND in (repository / "README.md").read_text(encoding="utf-8")


def test_every_folder_of_tests_has_its_turn(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    turns = project["tool"]["pytest"]["ini_options"]["testpaths"]

    folders = {
        f"tests/{path.parent.relative_to(repository / 'tests').parts[0]}"
        for path in (repository / "tests").glob("*/**/test_*.py")
    }

    assert folders <= set(turns)
