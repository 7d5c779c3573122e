"""`jan secrets`, on a real database."""

import pytest

from infra.embedded.server import StackError
from tests.infra.cli.conftest import Terminal

pytestmark = pytest.mark.stack

OLD, NEW = "old:0123456789abcdef", "new:fedcba9876543210"


def counts(terminal: Terminal) -> list[str]:
    said = terminal.jan("secrets", "reseal")
    assert said.exit_code == 0, said.output
    rows = [line.split() for line in said.stdout.splitlines()]
    return next(row for row in rows if row[:1] == ["signing_keys"])


def test_secrets_are_put_under_the_first_key_once(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAN_SEAL_KEYS", OLD)
    terminal.jan("signing-keys", "rotate")
    monkeypatch.setenv("JAN_SEAL_KEYS", f"{NEW},{OLD}")

    first, second = counts(terminal), counts(terminal)

    assert (first, second) == (["signing_keys", "1", "1"], ["signing_keys", "1", "0"])
    monkeypatch.setenv("JAN_SEAL_KEYS", NEW)
    assert counts(terminal) == ["signing_keys", "1", "0"]


def test_key_that_is_gone_changes_nothing_and_is_named(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAN_SEAL_KEYS", OLD)
    terminal.jan("signing-keys", "rotate")
    monkeypatch.setenv("JAN_SEAL_KEYS", NEW)

    said = terminal.jan("secrets", "reseal")

    assert isinstance(said.exception, StackError)
    assert "the key 'old', which JAN_SEAL_KEYS does not hold; nothing was changed" in str(said.exception)


def test_keys_of_another_form_are_said_in_a_sentence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAN_SEAL_KEYS", "short:hunter2")

    said = terminal.jan("secrets", "reseal")

    assert isinstance(said.exception, StackError)
    assert "hunter2" not in str(said.exception)


def test_database_that_is_away_is_said_in_a_sentence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAN_DATABASE_URL", "postgresql://jan:jan@127.0.0.1:1/jan")

    assert isinstance(terminal.jan("secrets", "reseal").exception, StackError)
    assert isinstance(terminal.jan("signing-keys", "list").exception, StackError)
