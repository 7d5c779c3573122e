"""`jan signing-keys`: the embedded issuer's keys, and a new one before the old one's time."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli.addresses import stack_database
from infra.cli.letters import printable
from infra.cli.secrets import stack_sealer
from infra.database import DatabaseUnavailable, open_database
from infra.embedded.server import StackError
from infra.identity.keys import PUBLISHED_FIRST, Algorithm, SigningKey, new_signing_key
from infra.sealing import Sealer
from infra.settings import IdentitySettings
from infra.store.keyring import overlap_of
from infra.store.signing_keys import SigningKeyRow, signing_key_rows
from infra.store.signing_keys import rotate as rotate_keys

T = TypeVar("T")

app = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WithAlgorithm = Annotated[Algorithm, typer.Option("--algorithm", help="Of the new key.")]


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Show every key, and whether it signs or still verifies."""
    found = [_fields(row, datetime.now(UTC)) for row in _run(_rows())]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("key", "algorithm", "made", "retired", "state", box=None, pad_edge=False)
    for one in found:
        table.add_row(*(printable(text or "") for text in one.values()))
    Console().print(table)


@app.command()
def rotate(*, algorithm: WithAlgorithm = Algorithm.RS256) -> None:
    """Make a new key. Edges publish it within a minute, and sign with it when all have heard of it.

    The key before it signs until then, and verifies until its last token has ended. Nobody has to log
    in again.
    """
    key = _run(_rotated(stack_sealer(), algorithm))
    signs_from = _shown(key.created_at + PUBLISHED_FIRST)
    Console().print(Text(f"{key.algorithm} {key.kid} signs from {signs_from} on."))


def _fields(row: SigningKeyRow, now: datetime) -> dict[str, str | None]:
    return {
        "kid": row.kid,
        "algorithm": row.algorithm,
        "created_at": _shown(row.created_at),
        "retired_at": None if row.retired_at is None else _shown(row.retired_at),
        "state": _state(row, now),
    }


def _state(row: SigningKeyRow, now: datetime) -> str:
    if row.retired_at is None:
        return "signs" if row.created_at + PUBLISHED_FIRST <= now else "published"
    if row.retired_at > now:
        return "signs"
    return "verifies" if row.retired_at + overlap_of(IdentitySettings()) > now else "ended"


async def _rows() -> list[SigningKeyRow]:
    async with open_database(stack_database()) as database, database.begin() as session:
        return await signing_key_rows(session)


async def _rotated(sealer: Sealer, algorithm: Algorithm) -> SigningKey:
    key = new_signing_key(datetime.now(UTC), algorithm)
    async with open_database(stack_database()) as database, database.begin() as session:
        await rotate_keys(session, sealer, key)
    return key


def _run(work: Coroutine[Any, Any, T]) -> T:  # what a coroutine is sent is nobody's concern
    try:
        return asyncio.run(work)
    except DatabaseUnavailable as error:
        raise StackError(f"{error}; `jan up` starts the local servers") from error


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
