"""The supervisor's process: `python -m infra.embedded.supervise` runs the stack until it is told to end.

One supervisor holds a home's lock, which the kernel lets go when the process ends, however that comes about.
"""

import asyncio
import fcntl
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.home import open_home
from infra.embedded.place import Place
from infra.embedded.ports import Ports
from infra.embedded.server import StackError
from infra.embedded.stack import Stack, local_stack, run_stack
from infra.embedded.stale import end_stale
from infra.embedded.state import Phase, StateFile, read_state
from infra.settings import StackSettings

ENDED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyRunning(StackError):
    """Another supervisor has this home."""


def main() -> None:
    """The settings' stack in the settings' home; exit code 1 when it doesn't start."""
    settings = StackSettings()
    place = Place(open_home(settings.home, settings.cache), Ports())
    try:
        asyncio.run(supervise(local_stack(settings), place))
    except StackError as error:
        sys.exit(str(error))


async def supervise(stack: Stack, place: Place) -> None:
    """Run the stack until a signal comes."""
    with only_one(place.home.lock):
        end_stale(read_state(place.home.state))
        pen = StateFile(place.home.state)
        work = asyncio.create_task(run_stack(stack, place, pen))
        for number in ENDED_BY:
            asyncio.get_running_loop().add_signal_handler(number, cancel_once, work, pen)
        try:
            await work
        except asyncio.CancelledError:
            pen.set_stack(lambda state: state.model_copy(update={"phase": Phase.STOPPED}))
        except ExceptionGroup as errors:
            reason = first_reason(errors)
            pen.set_stack(lambda state: state.model_copy(update={"phase": Phase.FAILED, "error": reason}))
            raise StackError(reason) from errors


def cancel_once(work: asyncio.Task[None], pen: StateFile) -> None:
    """End the stack; a second signal must not interrupt the end."""
    if pen.state.phase is not Phase.STOPPING:
        pen.set_stack(lambda state: state.model_copy(update={"phase": Phase.STOPPING}))
        work.cancel()


def first_reason(errors: ExceptionGroup[Exception]) -> str:
    """What the first of them says: the others ended because of it."""
    error: Exception = errors
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error)


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold the home; AlreadyRunning when another does."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"a stack runs in {lock.parent} already"
            raise AlreadyRunning(message) from None
        yield


if __name__ == "__main__":
    main()
