"""`jan secrets`: what lies under seal in the database, and under which key."""

import asyncio

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli.addresses import stack_database, stack_environment
from infra.cli.letters import printable
from infra.database import DatabaseUnavailable, open_database
from infra.embedded.server import StackError
from infra.sealing import SealBroken, Sealer
from infra.settings import SealSettings
from infra.store.resealing import reseal as reseal_all
from infra.store.sealed import Resealed

app = typer.Typer(help="Secrets in the database, and the keys that seal them.", no_args_is_help=True)


@app.callback()
def secrets() -> None:
    """Secrets in the database, and the keys that seal them."""


@app.command()
def reseal() -> None:
    """Put every secret under the first key of JAN_SEAL_KEYS; as often as one likes.

    To replace a key: give every process the new one behind the old (old,new), then in front (new,old),
    run this with the same keys, and take the old one away. All are sealed anew, or none is.
    """
    sealer = stack_sealer()
    try:
        done = asyncio.run(_resealed(sealer))
    except SealBroken as error:
        raise StackError(f"{error}; nothing was changed") from error
    except DatabaseUnavailable as error:
        raise StackError(f"{error}; `jan up` starts the local servers") from error
    table = Table("table", "secrets", "sealed anew", box=None, pad_edge=False)
    for one in done:
        table.add_row(printable(one.table), Text(str(one.all)), Text(str(one.changed)))
    Console().print(table)


def stack_sealer() -> Sealer:
    """The keys of the local stack where one runs, else the environment's. Raises StackError."""
    keys = stack_environment().get("JAN_SEAL_KEYS")
    try:
        return Sealer(SealSettings() if keys is None else SealSettings.model_validate({"keys": keys}))
    except SealBroken as error:
        raise StackError(str(error)) from error


async def _resealed(sealer: Sealer) -> list[Resealed]:
    async with open_database(stack_database()) as database:
        return await reseal_all(database, sealer)
