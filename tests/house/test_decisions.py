"""Decision records are short, whole, numbered without a gap, and name what enforces them."""

import re
import tomllib
from pathlib import Path

import pytest

PARTS = ["Context", "Decision", "Consequences", "Alternatives", "Enforced by"]
MOST_LINES = 12
FOLDER = Path(__file__).parents[2] / "contracts" / "decisions"
RECORDS = sorted(FOLDER.glob("*.md"))


def test_numbers_have_no_gap() -> None:
    numbers = [int(record.name[:4]) for record in RECORDS]

    assert numbers == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_record_is_short_and_whole(record: Path) -> None:
    text = record.read_text(encoding="utf-8")

    assert text.startswith(f"# {record.name[:4]} ")
    assert re.findall(r"(?m)^\*\*([\w ]+)\.\*\*", text) == PARTS
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.stem))
def test_what_enforces_a_decision_exists(record: Path, repository: Path) -> None:
    enforced = record.read_text(encoding="utf-8").partition("**Enforced by.**")[2]
    named = [name for name in re.findall(r"`([^`]+)`", enforced) if "/" in name or name.endswith(".toml")]

    assert named
    assert [name for name in named if not (repository / name).exists()] == []


def test_the_framework_below_the_consumer_is_pinned_exactly(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    record = (FOLDER / "0007-parallel-consumer-on-faststream.md").read_text(encoding="utf-8")

    pin = next(need for need in project["dependencies"] if need.startswith("faststream"))

    assert f"`{pin.replace('[kafka]', '')}`" in record
