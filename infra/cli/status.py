"""`jan status`: how the stack's parts are."""

import typer
from rich.console import Console

from infra.cli.stack_home import stack_home
from infra.cli.table import status_table
from infra.embedded.control import running_state

NOT_RUNNING = 3
"""What init scripts answer for a service that doesn't run."""


def status() -> None:
    """Show each part's process, address, health, uptime and restarts. Exit code 3 when nothing runs."""
    home, console = stack_home(), Console()
    state = running_state(home)
    if state is None:
        console.print("Nothing runs. [bold]jan up[/] starts it.")
        raise typer.Exit(NOT_RUNNING)
    console.print(
        f"The stack in {home.root} is [bold]{state.phase}[/]; supervisor pid {state.supervisor.pid}."
    )
    console.print(status_table(state))
    for part in state.parts.values():
        for text in filter(None, (part.note, part.error)):
            console.print(f"{part.name}: {text}", style="dim", markup=False)
