"""Users, as they are named on the command line."""

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.database import Transaction
from infra.embedded.server import StackError
from infra.store.users import User, users_called, users_claiming

Who = Annotated[str, typer.Argument(help="A user's id, username, or verified email address.")]


async def meant(session: Transaction, name: str) -> User:
    """The one user who is called so. An id, which nobody can choose, outweighs another's name."""
    called = await users_called(session, name)
    by_id = [user for user in called if user.user_id == name]
    match by_id or called:
        case [user]:
            return user
        case []:
            claiming = await users_claiming(session, name)
            more = f"; not verified, and so no proof, is that of {_ids(claiming)}" if claiming else ""
            raise StackError(f"no user is called {name!r}{more}")
        case several:
            raise StackError(f"{name!r} may be any of {_ids(several)}; say which by the id")


def named(user: User) -> str:
    """A user, for a sentence."""
    return f"{user.username} ({user.user_id})"


def _ids(users: Sequence[User]) -> str:
    return ", ".join(user.user_id for user in users)
