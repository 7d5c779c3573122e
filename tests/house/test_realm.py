"""The Keycloak realm gives tokens that the edge could accept, and holds no secret."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.settings import IdentitySettings
from tests.house.composition import services


@pytest.fixture(scope="module")
def realm(repository: Path) -> dict[str, Any]:
    """The export as it is imported."""
    text = (repository / "infra/deploy/keycloak/realm-jan.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_roles_are_those_of_the_product(realm: dict[str, Any]) -> None:
    names = {role["name"] for role in realm["roles"]["realm"]}

    assert names == {"guest", "user", "admin", "default-roles-jan"}


def test_tokens_are_for_our_audience(realm: dict[str, Any]) -> None:
    (client,) = realm["clients"]
    (mapper,) = client["protocolMappers"]

    assert mapper["config"]["included.custom.audience"] == IdentitySettings().audience


def test_the_client_is_public_and_needs_pkce(realm: dict[str, Any]) -> None:
    (client,) = realm["clients"]

    assert client["publicClient"]
    assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    assert not client["directAccessGrantsEnabled"]
    assert "secret" not in client


def test_addresses_come_from_the_environment_that_compose_gives(
    repository: Path, realm: dict[str, Any]
) -> None:
    (client,) = realm["clients"]

    assert client["redirectUris"] == ["${EDGE_URL}/auth/callback"]
    assert "EDGE_URL" in services(repository)["keycloak"]["environment"]


def test_nobody_can_log_in_until_an_operator_makes_somebody(realm: dict[str, Any]) -> None:
    assert "users" not in realm


def test_the_edge_reaches_keycloak_by_its_name_inside_and_browsers_by_its_address(repository: Path) -> None:
    environment = services(repository)["keycloak"]["environment"]

    assert environment["KC_HOSTNAME_BACKCHANNEL_DYNAMIC"] == "true"
    assert "127.0.0.1" in environment["KC_HOSTNAME"]
