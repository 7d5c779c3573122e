"""The command `jan`: runs the local stack on this machine."""

import sys

import typer

from infra.cli import admin, dlq, job, ledger, limits, secrets, signing_keys
from infra.cli.demo import demo
from infra.cli.down import down
from infra.cli.logs import logs
from infra.cli.setup import setup
from infra.cli.status import status
from infra.cli.topics import topics
from infra.cli.up import up
from infra.embedded.server import StackError

app = typer.Typer(
    help="Jan Server on this machine: real servers, no Docker.", no_args_is_help=True, add_completion=False
)
for command in (demo, up, down, status, logs, topics, setup):
    app.command()(command)
app.add_typer(admin.app, name="admin")
app.add_typer(dlq.app, name="dlq")
app.add_typer(job.app, name="job")
app.add_typer(ledger.app, name="ledger")
app.add_typer(limits.app, name="limits")
app.add_typer(secrets.app, name="secrets")
app.add_typer(signing_keys.app, name="signing-keys")


def main() -> None:
    """Run the command; what can't be done is said in a sentence."""
    try:
        app()
    except StackError as error:
        sys.exit(f"jan: {error}")


if __name__ == "__main__":
    main()
