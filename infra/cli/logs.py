"""`jan logs`: what the parts wrote."""

from typing import Annotated

import typer
from rich.console import Console

from infra.cli.follow import follow, print_line
from infra.cli.stack_home import stack_home
from infra.embedded.child import tail_of
from infra.embedded.home import Home
from infra.embedded.server import StackError

Part = Annotated[str | None, typer.Argument(help="Only this part's.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="And what they write from now on.")]


def logs(part: Part = None, *, keep: Follow = False) -> None:
    """Show the last lines of the logs."""
    home, console = stack_home(), Console()
    names = [part] if part else all_names(home)
    if part is not None and not home.log(part).exists():
        message = f"no log of {part!r}; there are: {', '.join(all_names(home))}"
        raise StackError(message)
    for name in names:
        for line in tail_of(home.log(name)).splitlines():
            print_line(name, line, console)
    if keep:
        follow_until_interrupt(home, names, console)


def follow_until_interrupt(home: Home, names: list[str], console: Console) -> None:
    """Follow the logs; Ctrl-C ends that."""
    try:
        follow(home, names, console)
    except KeyboardInterrupt:
        return


def all_names(home: Home) -> list[str]:
    """Every part that ever wrote."""
    return sorted(log.stem for log in home.logs.glob("*.log"))
