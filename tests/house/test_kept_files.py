"""Nothing that git keeps leads to one machine, to a package registry, or to a forgotten end."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# In parts, so that this file is not its own first finding.
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in [
            ("files", "pythonhosted", "org"),
            ("pypi", "org"),
            ("registry", "npmjs", "org"),
            ("repo", "maven", "apache", "org"),
            ("repo1", "maven", "org"),
            ("deb", "debian", "org"),
            ("proxy", "golang", "org"),
            ("static", "crates", "io"),
            ("quay", "io"),
            ("ghcr", "io"),
        ]
    )
)
HOMES = re.compile(
    r"(?<![\w.}])/(?:" + "|".join(["ro" + "ot", "ho" + "me", "wo" + "rk", "Us" + "ers"]) + r")/\w"
)
OPEN_ENDS = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
CONFLICT = re.compile(r"(?m)^(?:<{7} |>{7} )")
MOST_BYTES = 1_000_000
MOST_OF = {"contracts/openapi.json": 4_000_000}
"""Written by the code, and compared in a test: each operation tells all of its errors and headers."""


def lines_with(pattern: re.Pattern[str], paths: list[Path], repository: Path) -> Iterator[str]:
    """Where a pattern stands, as a person would look it up."""
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            if pattern.search(line):
                yield f"{path.relative_to(repository)}:{number}: {line.strip()[:100]}"


@pytest.mark.parametrize(
    "pattern", [REGISTRIES, HOMES, OPEN_ENDS, CONFLICT], ids=["registry", "machine", "end", "merge"]
)
def test_no_kept_file_holds(pattern: re.Pattern[str], kept_files: list[Path], repository: Path) -> None:
    assert list(lines_with(pattern, kept_files, repository)) == []


def test_kept_files_are_small(kept_files: list[Path], repository: Path) -> None:
    sizes = {str(path.relative_to(repository)): path.stat().st_size for path in kept_files}

    assert [path for path, size in sizes.items() if size > MOST_OF.get(path, MOST_BYTES)] == []


def test_modules_say_what_they_are_for(kept_files: list[Path], repository: Path) -> None:
    modules = [path for path in kept_files if path.suffix == ".py" and path.name != "__init__.py"]

    texts = {path.relative_to(repository): path.read_text(encoding="utf-8") for path in modules}

    assert [path for path, text in texts.items() if not text.lstrip().startswith(('"""', "#!"))] == []
