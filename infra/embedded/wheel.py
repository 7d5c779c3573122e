"""Finds what a wheel brought, without importing its package: some warn, one lacks its dependencies."""

import importlib.util
from pathlib import Path

from infra.embedded.server import StackError


def find_wheel(package: str) -> Path | None:
    """The folder of an installed package."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def wheel_file(package: str, pattern: str) -> Path:
    """The one file of an installed package; StackError when it isn't there."""
    folder = find_wheel(package)
    found = next(folder.glob(pattern), None) if folder is not None else None
    if found is None:
        message = f"{package} isn't installed: install the requirements of the local stack"
        raise StackError(message)
    return found
