"""`jan limits`: tiers and budgets given, taken and shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer
from sqlmodel import col, select

from contracts.ids import new_ulid
from contracts.story import Charge
from infra.database import open_database
from infra.embedded.server import StackError
from infra.limits.allowances import CHANGED
from infra.notices import STREAM
from infra.relay.redis import open_redis
from infra.settings import RedisSettings
from infra.store.api_keys import ApiKeyRow
from infra.store.audit import AuditRow
from infra.store.budgets import budgets_of
from infra.store.tiers import tier_of
from infra.store.usage import add_usage
from infra.store.users import User, add_user, new_guest
from tests.conftest import run
from tests.infra.cli.conftest import Terminal

pytestmark = pytest.mark.stack


@pytest.fixture(autouse=True)
def _redis(valkey: RedisSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where limits are counted, and changes are told."""
    monkeypatch.setenv("JAN_REDIS_URL", valkey.url.get_secret_value())


@pytest.fixture
def user(terminal: Terminal) -> User:
    guest = new_guest(datetime.now(UTC))

    async def save() -> None:
        async with open_database(terminal.database) as database, database.begin() as session:
            await add_user(session, guest)
            now = datetime.now(UTC)
            await add_usage(session, [Charge(guest.tenant, "", now.date(), 1_000, 234, 1_500_000)])

    run(save())
    return guest


def key_of(terminal: Terminal, user: User) -> str:
    now = datetime.now(UTC)
    row = ApiKeyRow(
        key_id=new_ulid(),
        user_id=user.user_id,
        name="mine",
        key_hash=new_ulid(),
        prefix="sk_live",
        last4="abcd",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )

    async def save() -> str:
        async with open_database(terminal.database) as database, database.begin() as session:
            session.add(row)
        return row.key_id

    return run(save())


def amounts(terminal: Terminal, user: User) -> list[tuple[str | None, str, str, int]]:
    async def load() -> list[tuple[str | None, str, str, int]]:
        async with open_database(terminal.database) as database, database.begin() as session:
            rows = await budgets_of(session, user.tenant)
            return [(row.key_id, row.unit, row.period, row.amount) for row in rows]

    return run(load())


def told(valkey: RedisSettings, user: User) -> int:
    """How often servers were told of the user's change."""

    async def read() -> int:
        async with open_redis(valkey) as redis:
            entries: Any = await redis.xrange(STREAM)  # the driver's types know no bytes
            return sum(fields.get(CHANGED.encode()) == user.tenant.encode() for _, fields in entries)

    return run(read())


def test_a_tier_is_given_and_told(terminal: Terminal, user: User, valkey: RedisSettings) -> None:
    said = terminal.jan("limits", "tier", user.username, "pro")

    async def load() -> str | None:
        async with open_database(terminal.database) as database, database.begin() as session:
            return await tier_of(session, user.tenant)

    assert said.exit_code == 0, said.output
    assert run(load()) == "pro"
    assert told(valkey, user) == 1


def test_only_tiers_that_there_are_can_be_given(terminal: Terminal, user: User) -> None:
    said = terminal.jan("limits", "tier", user.username, "platinum")

    assert said.exit_code == 2
    assert "enterprise, free, pro, starter" in said.output


def test_budgets_are_set_replaced_shown_and_removed(
    terminal: Terminal, user: User, valkey: RedisSettings
) -> None:
    money = ("limits", "budget", user.user_id, "--unit", "usd", "--period", "month")
    tokens = ("limits", "budget", user.user_id, "--unit", "tokens", "--period", "total")
    said = [terminal.jan(*money, "--amount", amount) for amount in ("3", "12.50")]
    said.append(terminal.jan(*tokens, "--amount", "5000"))
    shown = terminal.jan("limits", "show", user.user_id)
    gone = terminal.jan(*tokens, "--remove")
    again = terminal.jan(*tokens, "--remove")

    assert [one.exit_code for one in (*said, shown, gone)] == [0] * 5, shown.output
    assert "may use $12.5 each month" in said[1].output
    assert "tier free" in shown.output
    assert "10 of 10 a minute" in shown.output
    assert "1,234 tokens" in shown.output
    assert "$1.5" in shown.output
    assert isinstance(again.exception, StackError)
    assert amounts(terminal, user) == [(None, "micro_usd", "month", 12_500_000)]
    assert told(valkey, user) == 4


def test_a_budget_may_be_of_one_of_the_users_own_keys(terminal: Terminal, user: User) -> None:
    key = key_of(terminal, user)
    words = (
        "limits",
        "budget",
        user.user_id,
        "--unit",
        "tokens",
        "--period",
        "day",
        "--amount",
        "7",
        "--key",
    )

    mine = terminal.jan(*words, key)
    nobodys = terminal.jan(*words, new_ulid())

    assert mine.exit_code == 0
    assert isinstance(nobodys.exception, StackError)
    assert amounts(terminal, user) == [(key, "tokens", "day", 7)]


@pytest.mark.parametrize(
    "words",
    [
        ("--amount", "-1"),
        ("--amount", "1.5"),
        ("--amount", "much"),
        ("--amount", "nan"),
        ("--amount", "1e30"),
        ("--amount", "1", "--remove"),
        (),
    ],
)
def test_what_is_no_budget_is_refused(terminal: Terminal, user: User, words: tuple[str, ...]) -> None:
    said = terminal.jan("limits", "budget", user.user_id, "--unit", "tokens", "--period", "day", *words)

    assert said.exit_code == typer.BadParameter.exit_code
    assert amounts(terminal, user) == []


def test_without_redis_what_is_left_is_not_invented(
    terminal: Terminal, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAN_REDIS_URL", "redis://127.0.0.1:1/0")

    said = terminal.jan("limits", "show", user.user_id)

    assert isinstance(said.exception, StackError)


def test_what_an_operator_changed_is_in_the_audit_log_once(terminal: Terminal, user: User) -> None:
    budget = ("limits", "budget", user.user_id, "--unit", "usd", "--period", "day")
    for words in (("limits", "tier", user.user_id, "pro"), (*budget, "--amount", "1"), (*budget, "--remove")):
        for _ in range(2):
            terminal.jan(*words)

    async def load() -> list[tuple[str, str | None, object]]:
        async with open_database(terminal.database) as database, database.begin() as session:
            rows = await session.exec(select(AuditRow).order_by(col(AuditRow.audit_id)))
            return [(row.action, row.actor_id, row.changes) for row in rows]

    assert run(load()) == [
        ("user.set_tier", None, {"tier": [None, "pro"]}),
        ("user.set_budget", None, {"budgets.micro_usd.day": [None, 1_000_000]}),
        ("user.remove_budget", None, {"budgets.micro_usd.day": [1_000_000, None]}),
    ]
