"""The README tells of the tree as it is."""

import json
import re
from pathlib import Path

import pytest

from tests.house.composition import own_services
from tests.house.setting_names import setting_names

PACKAGES = ("api_edge", "workers", "contracts", "infra", "tests")


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    """The page."""
    return (repository / "README.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands under a heading."""
    found = re.search(rf"(?ms)^## {re.escape(title)}$(.*?)(?=^## |\Z)", text)
    assert found is not None
    return found[1]


def anchor(heading: str) -> str:
    """The fragment by which a heading is linked to."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_its_two_commands_exist(readme: str, repository: Path) -> None:
    commands = re.findall(r"(?m)^python3 (\S+) (\w+)$", section(readme, "Two commands"))

    assert [verb for _, verb in commands] == ["demo", "test"]
    assert [script for script, _ in commands if not (repository / script).is_file()] == []


def test_its_map_names_every_room_and_no_other(readme: str, kept_files: list[Path], repository: Path) -> None:
    paths = [path.relative_to(repository).parts for path in kept_files]
    inside = [parts for parts in paths if parts[0] in PACKAGES]
    folders = {parts[:depth] for parts in inside for depth in (1, 2) if len(parts) > depth}

    rows = re.findall(r"(?m)^\| (`.+?`) \|", section(readme, "Rooms"))
    named = [name for row in rows for name in re.findall(r"`([^`]+)/`", row)]

    assert sorted(named) == sorted("/".join(folder) for folder in folders)


def test_its_links_lead_somewhere(readme: str, repository: Path) -> None:
    anchors = {anchor(heading) for heading in re.findall(r"(?m)^## (.+)$", readme)}
    links = re.findall(r"\]\(([^)]+)\)", readme)

    inside = {link.removeprefix("#") for link in links if link.startswith("#")}
    outside = [link for link in links if not link.startswith("#")]

    assert inside <= anchors
    assert [link for link in outside if not (repository / link).exists()] == []


def test_its_settings_exist(readme: str) -> None:
    named = set(re.findall(r"\bJAN_[A-Z0-9_]+", readme))

    assert named - setting_names() == set()


def test_its_routes_are_those_of_the_document(readme: str, repository: Path) -> None:
    document = json.loads((repository / "contracts/openapi.json").read_text(encoding="utf-8"))
    served = {path.replace("{model_id}", "{id}") for path in document["paths"]}
    pages = {"/openapi.json", "/api/swagger/index.html", "/metrics"}

    rows = re.findall(r"(?m)^\| (`(?:GET|POST).+?) \| ", section(readme, "Use it"))
    named = {path for row in rows for path in re.findall(r"(/[^`\s]*)`", row)}

    assert {re.sub(r"\{[^}]+\}", "{id}", path) for path in served} | pages == named


def test_its_recipes_exist(readme: str, repository: Path) -> None:
    justfile = (repository / "justfile").read_text(encoding="utf-8")
    recipes = re.findall(r"(?m)^([a-z-]+)[^:\n]*:(?!=)", justfile)

    named = re.findall(r"(?:`|bin/)just ([a-z-]+)", readme)

    assert named
    assert [name for name in named if name not in recipes] == []


def test_its_images_arguments_are_the_services(readme: str, repository: Path) -> None:
    told = re.search(r"the argument is the room: ((?:`[\w.]+`,? (?:and )?)+)", readme)

    assert told is not None
    rooms = {service["command"][0] for service in own_services(repository).values()}
    assert set(re.findall(r"`([\w.]+)`", told[1])) == rooms
