"""The image: what its Dockerfile copies is there, and the wheel in it holds every room."""

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.composition import own_services

BUILD_LIMIT = 60
PACKAGES = ("api_edge", "workers", "contracts", "infra")


@pytest.fixture(scope="module")
def instructions(repository: Path) -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, with their arguments."""
    text = (repository / "infra/deploy/Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(name, rest) for name, _, rest in pairs]


def copied(instructions: list[tuple[str, str]]) -> list[str]:
    """What is copied from the build context."""
    sources: list[str] = []
    for name, rest in instructions:
        words = shlex.split(rest)
        if name == "COPY" and not words[0].startswith("--from"):
            sources += words[:-1]
    return sources


def test_what_is_copied_exists_and_is_in_the_context(
    repository: Path, instructions: list[tuple[str, str]]
) -> None:
    ignored = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    sources = copied(instructions)

    assert [source for source in sources if not (repository / source).exists()] == []
    assert {source.split("/")[0] for source in sources} == allowed


def test_the_build_is_what_compose_builds(repository: Path) -> None:
    for service in own_services(repository).values():
        assert (repository / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_the_image_runs_a_room_as_an_ordinary_user(instructions: list[tuple[str, str]]) -> None:
    last_stage = instructions[max(i for i, (name, _) in enumerate(instructions) if name == "FROM") :]
    said = dict(last_stage)

    assert said["ENTRYPOINT"] == '["python", "-m"]'
    assert said["CMD"] == '["api_edge"]'
    assert int(said["USER"].split(":")[0]) > 0


def test_every_package_is_checked_against_its_hash(instructions: list[tuple[str, str]]) -> None:
    runs = [command.strip() for name, rest in instructions if name == "RUN" for command in rest.split("&&")]

    unchecked = [
        run
        for run in runs
        if " install " in run and "--require-hashes" not in run and "--no-index" not in run
    ]

    assert unchecked == []


def test_the_wheel_holds_every_file_of_every_room(
    repository: Path, kept_files: list[Path], tmp_path: Path
) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=repository, capture_output=True, timeout=BUILD_LIMIT, check=True)
    names = {path.relative_to(repository).as_posix() for path in kept_files}
    rooms = {name for name in names if name.split("/")[0] in PACKAGES and "/" in name}

    wheel = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())

    assert rooms - wheel == set()
