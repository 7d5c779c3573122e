"""`jan signing-keys`, on a real database."""

import json
from typing import Any

import pytest

from infra.database import open_database
from infra.sealing import Sealer
from infra.settings import IdentitySettings, SealSettings
from infra.store.keyring import open_keyring
from tests.conftest import run
from tests.infra.cli.conftest import Terminal

pytestmark = pytest.mark.stack


def listed(terminal: Terminal) -> list[dict[str, Any]]:
    said = terminal.jan("signing-keys", "list", "--json")
    assert said.exit_code == 0, said.output
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


def signing(terminal: Terminal) -> tuple[str, int]:
    """The key that an edge signs with, and how many verify."""

    async def read() -> tuple[str, int]:
        async with open_database(terminal.database) as database:
            ring = await open_keyring(database, Sealer(SealSettings()), IdentitySettings())
        return ring.current().kid, len(ring.all())

    return run(read())


def test_new_key_is_published_while_the_old_one_signs(terminal: Terminal) -> None:
    terminal.jan("signing-keys", "rotate")
    said = terminal.jan("signing-keys", "rotate", "--algorithm", "ES256")

    new, old = listed(terminal)

    assert said.exit_code == 0, said.output
    assert f"ES256 {new['kid']} signs from" in said.stdout
    assert (new["algorithm"], new["state"], new["retired_at"]) == ("ES256", "published", None)
    assert (old["algorithm"], old["state"]) == ("RS256", "signs")
    assert signing(terminal) == (old["kid"], 2)


def test_list_shows_no_private_half(terminal: Terminal) -> None:
    terminal.jan("signing-keys", "rotate")

    said = terminal.jan("signing-keys", "list")

    assert "RS256" in said.stdout
    assert "s1." not in said.stdout
    assert "PRIVATE" not in said.stdout


def test_unknown_algorithm_makes_no_key(terminal: Terminal) -> None:
    said = terminal.jan("signing-keys", "rotate", "--algorithm", "HS256")

    assert said.exit_code == 2
    assert listed(terminal) == []
