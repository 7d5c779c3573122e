"""`jan down`: end the stack."""

from rich.console import Console

from infra.cli.stack_home import stack_home
from infra.embedded.control import take_down


def down() -> None:
    """End everything that runs; the data stays."""
    home, console = stack_home(), Console()
    with console.status("Ending ..."):
        ended = take_down(home)
    console.print(f"Ended. The data stays in {home.root}" if ended else "Nothing runs.")
