"""compose.yaml as the tests read it."""

from pathlib import Path
from typing import Any

import yaml

OWN_IMAGE = "jan-server"
Service = dict[str, Any]  # the Compose specification, open by nature


def read_compose(repository: Path) -> dict[str, Any]:
    """The whole document, with its anchors and merges resolved."""
    document = yaml.safe_load((repository / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def services(repository: Path) -> dict[str, Service]:
    """Every service by its name."""
    found = read_compose(repository)["services"]
    assert isinstance(found, dict)
    return found


def own_services(repository: Path) -> dict[str, Service]:
    """The services that run the product's own image."""
    return {
        name: service
        for name, service in services(repository).items()
        if service["image"].startswith(OWN_IMAGE)
    }
