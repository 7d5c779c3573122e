"""`jan admin`: roles given, taken and shown."""

import json
from datetime import UTC, datetime

import pytest
import typer
from sqlmodel import col, select

from contracts.envelope import Role
from contracts.ids import new_ulid
from infra.database import open_database
from infra.embedded.server import StackError
from infra.identity.known import user_name
from infra.settings import RedisSettings
from infra.store.audit import AuditRow
from infra.store.denials import denials
from infra.store.users import User, add_user, new_guest, user_of
from tests.conftest import run
from tests.infra.cli.conftest import Terminal

pytestmark = pytest.mark.stack

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _redis(valkey: RedisSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the terminal tells of what it revoked."""
    monkeypatch.setenv("JAN_REDIS_URL", valkey.url.get_secret_value())


def keep(terminal: Terminal, **fields: object) -> User:
    """A registered user."""

    async def save() -> User:
        user = new_guest(NOW)
        for name, value in {"is_guest": False, "roles": [Role.USER.value], **fields}.items():
            setattr(user, name, value)
        async with open_database(terminal.database) as database, database.begin() as session:
            await add_user(session, user)
        return user

    return run(save())


def read(terminal: Terminal, user: User) -> User:
    async def load() -> User:
        async with open_database(terminal.database) as database, database.begin() as session:
            found = await user_of(session, user.user_id)
            assert found is not None
            return found

    return run(load())


def denied(terminal: Terminal) -> set[str]:
    async def load() -> set[str]:
        async with open_database(terminal.database) as database, database.begin() as session:
            return {row.name for row in await denials(session, datetime.now(UTC))}

    return run(load())


def logged(terminal: Terminal) -> list[tuple[str, str | None, object]]:
    """Actions of the audit log, who did them and what was changed."""

    async def load() -> list[tuple[str, str | None, object]]:
        async with open_database(terminal.database) as database, database.begin() as session:
            rows = await session.exec(select(AuditRow).order_by(col(AuditRow.audit_id)))
            return [(row.action, row.actor_id, row.changes) for row in rows]

    return run(load())


def test_a_role_is_given_by_id_name_or_verified_address(terminal: Terminal) -> None:
    users = [
        keep(terminal, username=f"ada{at}", email=f"ada{at}@example.com", email_verified=True)
        for at in range(3)
    ]

    for user, name in zip(users, (users[0].user_id, "ada1", "Ada2@Example.com"), strict=True):
        said = terminal.jan("admin", "grant", name)

        assert said.exit_code == 0, said.output
        assert f"{user.username} ({user.user_id}) has the role admin from the next token on" in said.stdout
        assert (read(terminal, user).roles, read(terminal, user).version) == (["user", "admin"], 1)
    assert "already" in terminal.jan("admin", "grant", "ada1").stdout
    assert not denied(terminal)


def test_an_address_that_nobody_verified_makes_no_admin(terminal: Terminal) -> None:
    claiming = keep(terminal, username="eve", email="boss@example.com")

    said = terminal.jan("admin", "grant", "boss@example.com")

    assert isinstance(said.exception, StackError)
    assert claiming.user_id in str(said.exception)
    assert read(terminal, claiming).roles == ["user"]


def test_who_takes_anothers_id_for_a_name_is_not_meant_by_it(terminal: Terminal) -> None:
    ada = keep(terminal, username="ada")
    eve = keep(terminal, username=ada.user_id)

    terminal.jan("admin", "grant", ada.user_id)

    assert read(terminal, ada).roles == ["user", "admin"]
    assert read(terminal, eve).roles == ["user"]


def test_a_name_that_may_mean_two_is_asked_back(terminal: Terminal) -> None:
    keep(terminal, username="ada@example.com")
    keep(terminal, username="ada", email="ada@example.com", email_verified=True)

    said = terminal.jan("admin", "grant", "ada@example.com")

    assert "may be any of" in str(said.exception)


def test_a_role_is_taken_from_every_token_at_once(terminal: Terminal) -> None:
    ada = keep(terminal, username="ada", roles=["user", "admin"], version=3)

    said = terminal.jan("admin", "revoke", "ada")

    assert said.exit_code == 0, said.output
    assert "has the role admin no more" in said.stdout
    assert "Nobody is an admin now" in said.stdout
    assert (read(terminal, ada).roles, read(terminal, ada).version) == (["user"], 4)
    assert denied(terminal) == {user_name(ada.user_id, 3)}


def test_a_role_that_nobody_has_is_not_taken(terminal: Terminal) -> None:
    ada = keep(terminal, username="ada")

    said = terminal.jan("admin", "revoke", "ada")

    assert "does not have the role admin" in said.stdout
    assert (read(terminal, ada).version, denied(terminal)) == (1, set())


def test_admins_are_listed(terminal: Terminal) -> None:
    assert "Nobody has the role admin." in terminal.jan("admin", "list").stdout
    ada = keep(terminal, username="ada\x1b[2J", email="ada@example.com", roles=["user", "admin"])
    keep(terminal, username="bob")

    shown = terminal.jan("admin", "list").stdout
    told = json.loads(terminal.jan("admin", "list", "--json").stdout)

    assert ada.user_id in shown
    assert "ada\\x1b[2J" in shown
    assert "ada@example.com (not verified)" in shown
    assert "bob" not in shown
    assert [(one["id"], one["roles"], one["is_active"]) for one in told] == [
        (ada.user_id, ["user", "admin"], True)
    ]


def test_unknown_users_and_roles_are_refused(terminal: Terminal) -> None:
    assert "no user is called" in str(terminal.jan("admin", "grant", new_ulid()).exception)
    assert terminal.jan("admin", "grant", "ada", "--role", "guest").exit_code == typer.BadParameter.exit_code
    assert terminal.jan("admin", "grant", "ada", "--role", "king").exit_code == typer.BadParameter.exit_code


def test_without_a_database_the_command_says_so(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAN_DATABASE_URL", "postgresql://jan:jan@127.0.0.1:1/jan")

    assert "jan up" in str(terminal.jan("admin", "list").exception)


def test_a_role_is_taken_though_redis_is_away(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = keep(terminal, username="ada", roles=["admin"])
    monkeypatch.setenv("JAN_REDIS_URL", "redis://127.0.0.1:1/0")

    said = terminal.jan("admin", "revoke", "ada")

    assert said.exit_code == 0, said.output
    assert denied(terminal) == {user_name(ada.user_id, 1)}


def test_what_an_operator_changed_is_in_the_audit_log_once(terminal: Terminal) -> None:
    keep(terminal, username="ada")
    for word in ("grant", "grant", "revoke", "revoke"):
        assert terminal.jan("admin", word, "ada").exit_code == 0

    assert logged(terminal) == [
        ("user.grant_role", None, {"roles": [["user"], ["user", "admin"]]}),
        ("user.revoke_role", None, {"roles": [["user", "admin"], ["user"]]}),
    ]
