"""`jan admin`: who has which role.

What is given is in effect with the user's next token. What is taken away is gone from every token at once:
each server hears of it within a second, or within half a minute where Redis does not answer.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from contracts.envelope import Role
from infra.cli.addresses import stack_database, stack_redis
from infra.cli.letters import printable
from infra.cli.people import Who, meant, named
from infra.database import DatabaseUnavailable, open_database
from infra.embedded.server import StackError
from infra.identity.known import Denials
from infra.notices import open_notices
from infra.relay.redis import open_redis
from infra.settings import IdentitySettings
from infra.store import standing
from infra.store.audit import OPERATOR
from infra.store.revoking import Revocations
from infra.store.users import User, users_with

T = TypeVar("T")

app = typer.Typer(help="Roles of users, and who is an admin.", no_args_is_help=True)

OfRole = Annotated[Role, typer.Option("--role", help="Which role: admin or user.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def grant(user: Who, *, role: OfRole = Role.ADMIN) -> None:
    """Give a user a role. It is in effect with the user's next token: after a refresh, or a new login."""
    found, had = _run(_granted(user, _given(role)))
    if had:
        _say(f"{named(found)} has the role {role} already.")
    else:
        _say(f"{named(found)} has the role {role} from the next token on: refresh, or log in again.")


@app.command()
def revoke(user: Who, *, role: OfRole = Role.ADMIN) -> None:
    """Take a role away from a user: tokens that hold it are refused at once, sessions go on without it."""
    found, had, left = _run(_revoked(user, _given(role)))
    if not had:
        _say(f"{named(found)} does not have the role {role}.")
        return
    _say(f"{named(found)} has the role {role} no more; tokens that say otherwise are refused now.")
    if role is Role.ADMIN and not left:
        _say("Nobody is an admin now; `jan admin grant` makes one.")


@app.command("list")
def list_users(*, role: OfRole = Role.ADMIN, as_json: AsJson = False) -> None:
    """Show who has a role."""
    users = _run(_with_role(role))
    if as_json:
        typer.echo(json.dumps([_fields(user) for user in users], indent=2))
    elif users:
        Console().print(_table(users))
    else:
        _say(f"Nobody has the role {role}.")


async def _granted(name: str, role: Role) -> tuple[User, bool]:
    """The user, and whether there was nothing to do."""
    async with _revocations() as revocations, revocations.begin() as work:
        user = await meant(work.session, name)
        had = role.value in user.roles
        await standing.grant(work, user.user_id, role, OPERATOR)
    return user, had


async def _revoked(name: str, role: Role) -> tuple[User, bool, int]:
    """The user, whether there was something to do, and how many have the role now."""
    async with _revocations() as revocations, revocations.begin() as work:
        user = await meant(work.session, name)
        had = role.value in user.roles
        await standing.withdraw(work, user.user_id, role, OPERATOR)
        return user, had, len(await users_with(work.session, role))


async def _with_role(role: Role) -> list[User]:
    async with open_database(stack_database()) as database, database.begin() as session:
        return await users_with(session, role)


@asynccontextmanager
async def _revocations() -> AsyncIterator[Revocations]:
    async with (
        open_database(stack_database()) as database,
        open_redis(stack_redis()) as redis,
        open_notices(redis) as notices,
    ):
        yield Revocations(database, notices, IdentitySettings(), Denials())


def _run(work: Coroutine[Any, Any, T]) -> T:  # what a coroutine is sent is asyncio's
    try:
        return asyncio.run(work)
    except DatabaseUnavailable as error:
        raise StackError(f"{error}; `jan up` starts the local servers") from error


def _given(role: Role) -> Role:
    if role is Role.GUEST:
        raise typer.BadParameter("guest is no role to give or take: it marks who has not registered")
    return role


def _say(line: str) -> None:
    Console().print(printable(line), soft_wrap=True)


def _fields(user: User) -> dict[str, object]:
    return {
        "id": user.user_id,
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        "roles": user.roles,
        "created_at": user.created_at.isoformat(),
        "is_active": user.deactivated_at is None,
    }


def _table(users: Sequence[User]) -> Table:
    table = Table("id", "username", "email", "roles", "since", "", box=None, pad_edge=False)
    for user in users:
        email = f"{user.email}{'' if user.email_verified else ' (not verified)'}" if user.email else ""
        table.add_row(
            user.user_id,
            printable(user.username),
            printable(email),
            ", ".join(user.roles),
            f"{user.created_at:%Y-%m-%d}",
            "" if user.deactivated_at is None else "deactivated",
        )
    return table
