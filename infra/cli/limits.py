"""`jan limits`: how much a user may ask for. Every server heeds a change within a second."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from contracts.envelope import Caller
from contracts.errors import ApiError
from infra.cli.addresses import stack_database, stack_redis
from infra.cli.letters import printable
from infra.cli.people import Who, meant, named
from infra.database import Database, Transaction, open_database
from infra.embedded.server import StackError
from infra.limits.admission import BudgetField, BudgetLevel, open_admissions
from infra.limits.allowances import Allowances, tell_changed
from infra.limits.gate import TENTHS, Entry, Gate
from infra.notices import open_notices
from infra.relay.redis import open_redis
from infra.settings import LimitSettings, Settings
from infra.store.audit import OPERATOR
from infra.store.budgets import MOST, Period, Unit, UnknownKey, Wanted, change_budget
from infra.store.tiers import give_tier
from infra.store.users import User

MICRO = 1_000_000
PATIENCE = 5.0
"""Seconds for Redis: nobody's request waits here."""
T = TypeVar("T")

app = typer.Typer(help="Limits of users: tiers and budgets.", no_args_is_help=True)


class Counted(StrEnum):
    """What a budget counts, as it is typed."""

    TOKENS = "tokens"
    USD = "usd"


OfUnit = Annotated[Counted, typer.Option("--unit", help="What is counted.")]
OfPeriod = Annotated[Period, typer.Option("--period", help="When counting begins again, in UTC.")]
OfAmount = Annotated[str | None, typer.Option("--amount", help="Tokens, or US dollars, as 12.50.")]
OfKey = Annotated[str | None, typer.Option("--key", help="The id of one API key; else all of the user's.")]
Removing = Annotated[bool, typer.Option("--remove", help="Take the budget away.")]


@app.command()
def show(user: Who) -> None:
    """Show a user's tier, what is left of it now, and the budgets."""
    found, entry = _run(_shown(user))
    verdict, allowance = entry.verdict, entry.allowance
    _say(f"{named(found)} has the tier {allowance.tier}.")
    left = verdict.requests.left / TENTHS
    _say(f"Completions: {left:g} of {allowance.requests:,} a minute are left.")
    _say(f"Tokens: {verdict.tokens.left:,} of {allowance.tokens:,} a minute are left.")
    if entry.ask.budgets:
        Console().print(_table(zip(entry.ask.budgets, verdict.budgets, strict=True)))
    else:
        _say("There is no budget.")


@app.command()
def tier(user: Who, name: Annotated[str, typer.Argument(metavar="TIER", help="As configured.")]) -> None:
    """Give a user a tier."""
    if name not in (tiers := LimitSettings().tiers):
        raise typer.BadParameter(f"there is no tier {name!r}; there are {', '.join(sorted(tiers))}")

    async def change(session: Transaction, found: User) -> None:
        await give_tier(session, found.user_id, name, OPERATOR, datetime.now(UTC))

    found = _run(_changed(user, change))
    _say(f"{named(found)} has the tier {name}.")


@app.command()
def budget(
    user: Who,
    *,
    unit: OfUnit,
    period: OfPeriod,
    amount: OfAmount = None,
    key: OfKey = None,
    remove: Removing = False,
) -> None:
    """Set how much a user, or one API key, may use in a period; or take that budget away."""
    if remove == (amount is not None):
        raise typer.BadParameter("give either --amount or --remove")
    counted = Unit.TOKENS if unit is Counted.TOKENS else Unit.MICRO_USD
    most = 0 if amount is None else _amount(amount, counted)

    async def change(session: Transaction, found: User) -> None:
        wanted = Wanted(key, counted, period)
        try:
            _, is_changed = await change_budget(
                session, found.user_id, wanted, None if remove else most, OPERATOR, datetime.now(UTC)
            )
        except UnknownKey as error:
            raise StackError(f"{named(found)} has no API key of the id {key!r}") from error
        if remove and not is_changed:
            raise StackError("there is no such budget; `jan limits show` tells which there are")

    found = _run(_changed(user, change))
    whose = named(found) if key is None else f"the API key {key}"
    if remove:
        _say(f"{whose} has this budget no more.")
    else:
        every = "in all" if period is Period.TOTAL else f"each {period}"
        _say(f"{whose} may use {_text(most, counted.value)} {every}.")


Change = Callable[[Transaction, User], Coroutine[Any, Any, None]]  # what a coroutine is sent is asyncio's


async def _changed(name: str, change: Change) -> User:
    """The user, after a change that every server was told of."""
    async with (
        open_database(stack_database()) as database,
        open_redis(stack_redis()) as redis,
        open_notices(redis) as notices,
    ):
        async with database.begin() as session:
            found = await meant(session, name)
            await change(session, found)
        await tell_changed(notices, found.tenant)
    return found


async def _shown(name: str) -> tuple[User, Entry]:
    async with open_database(stack_database()) as database:
        async with database.begin() as session:
            found = await meant(session, name)
        async with _gate(database) as gate:
            return found, await gate.look(Caller(user_id=found.user_id, tenant=found.tenant))


@asynccontextmanager
async def _gate(database: Database) -> AsyncIterator[Gate]:
    limits = LimitSettings().model_copy(update={"timeout": PATIENCE})
    settings = Settings(limits=limits)
    async with open_admissions(stack_redis(), limits) as admissions:
        yield Gate(admissions, Allowances(database, limits), database, settings)


def _amount(text: str, unit: Unit) -> int:
    try:
        number = Decimal(text) * (MICRO if unit is Unit.MICRO_USD else 1)
        whole = int(number)
    except (InvalidOperation, ValueError, OverflowError):
        number, whole = Decimal(0), -1
    if whole != number or not 0 <= whole <= MOST:
        raise typer.BadParameter(f"{text!r} is no amount of {unit.value.replace('micro_', '')}")
    return whole


def _run(work: Coroutine[Any, Any, T]) -> T:  # as above
    try:
        return asyncio.run(work)
    except ApiError as error:
        raise StackError(f"{error}; `jan up` starts the local servers") from error


def _say(line: str) -> None:
    Console().print(printable(line), soft_wrap=True)


def _table(budgets: Iterable[tuple[BudgetField, BudgetLevel]]) -> Table:
    table = Table("key", "each", "may use", "used", "held", "begins again", box=None, pad_edge=False)
    for one, level in budgets:
        end = None if level.ends_at is None else datetime.fromtimestamp(level.ends_at, UTC)
        numbers = [_text(number, one.unit) for number in (one.amount, level.spent, level.held)]
        again = "never" if end is None else f"{end:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.key_id or "all", one.period, *numbers, again)
    return table


def _text(number: int, unit: str) -> str:
    return f"${Decimal(number) / MICRO:,f}" if unit == Unit.MICRO_USD else f"{number:,} tokens"
