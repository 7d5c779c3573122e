"""Imports modules with what one lock names, as if nothing else were installed; a process of its own.

python -m tests.house.only_locked LOCK MODULE...
"""

import importlib
import importlib.abc
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

from packaging.utils import canonicalize_name
from sqlalchemy.ext.asyncio import create_async_engine
from typing_extensions import override


class Hidden(importlib.abc.MetaPathFinder):
    """Finds nothing, and lets nobody else find what is hidden."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"{fullname} is installed here but not in the lock", name=fullname)
        return None


def locked_names(lock: Path) -> set[str]:
    """The distributions that a lock names."""
    found = re.findall(r"(?m)^([\w.-]+)==", lock.read_text(encoding="utf-8"))
    return {canonicalize_name(name) for name in found}


def unlocked_modules(lock: Path) -> set[str]:
    """Top-level modules that only distributions outside the lock provide."""
    allowed = locked_names(lock) | {"jan-server"}
    provided = packages_distributions().items()
    return {module for module, names in provided if not {canonicalize_name(name) for name in names} & allowed}


def main() -> None:
    """Raises ModuleNotFoundError for what the lock lacks."""
    lock, *modules = sys.argv[1:]
    sys.meta_path.insert(0, Hidden(unlocked_modules(Path(lock))))
    for module in modules:
        importlib.import_module(module)
    create_async_engine("postgresql+asyncpg://127.0.0.1/none")  # imports what SQLAlchemy imports late


if __name__ == "__main__":
    main()
