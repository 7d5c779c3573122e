"""`jan up`: start the stack, show its progress, then its logs."""

from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from infra.cli.follow import follow
from infra.cli.stack_home import stack_home
from infra.cli.table import progress_table, timings_table
from infra.embedded.control import await_up, running_state, start_supervisor, take_down
from infra.embedded.home import Home
from infra.embedded.model import MODEL
from infra.embedded.product import product_parts
from infra.embedded.state import StackState

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Leave it running and come back.")]
Timings = Annotated[bool, typer.Option("--timings", help="Print what took how long.")]


def up(*, detach: Detach = False, timings: Timings = False) -> None:
    """Start Kafka, PostgreSQL, Valkey, S3, a model, the edge and the workers."""
    home, console = stack_home(), Console()
    if running_state(home) is not None:
        console.print(
            f"The stack runs already: [bold]jan status[/], [bold]jan down[/]. Its home: {home.root}"
        )
        return
    try:
        start_supervisor(home, detached=detach)
        show(watch_start(home, console), console, timings=timings)
        if not detach:
            console.print("Ctrl-C ends it. Logs:", style="dim")
            follow(home, [part.name for part in product_parts()], console)
    except KeyboardInterrupt:
        console.print("Ending ...", style="dim")
        take_down(home)


def watch_start(home: Home, console: Console) -> StackState:
    """Wait until the stack is ready, with its parts in view."""
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        return await_up(home, lambda state: live.update(progress_table(state)))


def show(state: StackState, console: Console, *, timings: bool) -> None:
    """What was started and where to go next."""
    console.print(f"Ready after {state.ready_seconds:.1f} s.", style="bold green")
    if timings:
        console.print(timings_table(state))
    for part in state.parts.values():
        if part.note:
            console.print(f"{part.name}: {part.note}", style="dim")
    console.print(where_to_go(state), highlight=False, markup=False, soft_wrap=True)


def where_to_go(state: StackState) -> str:
    """Addresses and first commands."""
    url = state.parts["edge"].address
    return f"""
API        {url}/v1
Swagger    {url}/api/swagger/index.html
Surfaces   {state.environment["JAN_EDGE_SURFACE_PORTS"].replace(",", "  ")}

See it work     jan demo
How it is       jan status   jan logs --follow
End it          jan down
Ask it yourself
  TOKEN=$(curl -s -X POST {url}/llm/auth/guest-login | sed 's/.*"access_token": *"\\([^"]*\\).*/\\1/')
  curl -N {url}/v1/chat/completions -H "Authorization: Bearer $TOKEN" \\
    -H "Content-Type: application/json" -d '{{"model": "{MODEL}", "stream": true,
    "messages": [{{"role": "user", "content": "Hello!"}}]}}'
"""
