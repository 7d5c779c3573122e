"""The product, started for a run before the scripted upstream, with further workers if asked for.

It is what `jan up --detach` leaves running: the supervisor with the whole stack below it. The stack gets a
fresh home of its own, so that runs are alike and a stack for development is left alone; what was logged
stays there until the next run.
"""

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from infra.embedded.check import answers_ok
from infra.embedded.child import Child, await_ready, start_child, stop_child
from infra.embedded.home import Home, open_home
from infra.embedded.ports import Ports
from infra.embedded.server import Server, StackError
from infra.embedded.state import Phase, StackState, read_state
from tests.bench.target import Target, target_at

HOME = Path(".bench/stack")
CACHE = Path(".jan/cache")
"""Kafka's jars, shared with the stack for development."""
START_LIMIT = 300.0
"""Seconds; the first start of all loads Kafka's jars."""
STOP_LIMIT = 60.0
WORKER = ("-m", "workers.completion")

Say = Callable[[str], None]


@asynccontextmanager
async def open_product(upstream: Target, *, workers: int, say: Say) -> AsyncIterator[Target]:
    """Start it, and stop all of it. Raises StackError, with the end of its log, when it doesn't start."""
    home = _fresh_home()
    say(f"the product starts; it logs to {home.logs}")
    async with AsyncExitStack() as stack:
        provider = {"JAN_PROVIDER_URL": f"http://{upstream.host}:{upstream.port}/v1"}
        supervisor = await stack.enter_async_context(_running(_supervisor(home, provider), home))
        state = read_state(home.state)
        assert state is not None
        settings = {**state.environment, **provider}
        more = [
            await stack.enter_async_context(_running(_worker_server(number, settings), home))
            for number in range(2, workers + 1)
        ]
        pids = tuple(child.pid for child in (supervisor, *more))
        yield target_at("product", state.parts["edge"].address, pids=pids, has_login=True)


def _fresh_home() -> Home:
    state = read_state(HOME / "state.json")
    if state is not None and state.is_alive:
        raise StackError(f"another bench runs in {HOME}, under process {state.supervisor.pid}")
    shutil.rmtree(HOME, ignore_errors=True)
    return open_home(HOME, CACHE)


def _supervisor(home: Home, provider: Mapping[str, str]) -> Server:
    async def ready() -> bool:
        state = read_state(home.state)
        return state is not None and _is_ready(state)

    return Server(
        name="supervisor",
        command=(sys.executable, "-m", "infra.embedded.supervise"),
        address="",
        ready=ready,
        environment={
            "JAN_STACK_HOME": str(home.root),
            "JAN_STACK_CACHE": str(home.cache),
            **provider,
        },
        start_limit=START_LIMIT,
        stop_limit=STOP_LIMIT,
    )


def _is_ready(state: StackState) -> bool:
    return state.phase is Phase.READY and state.is_alive


def _worker_server(number: int, settings: Mapping[str, str]) -> Server:
    port = Ports(usual=False).take(0)

    async def ready() -> bool:
        return await answers_ok(port, "/readyz")

    return Server(
        name=f"completion-{number}",
        command=(sys.executable, *WORKER),
        address=f"http://127.0.0.1:{port}/metrics",
        ready=ready,
        environment={**settings, "JAN_WORKER_METRICS_PORT": str(port), "JAN_WORKER_NAME": f"bench-{number}"},
        stop_limit=STOP_LIMIT,
    )


@asynccontextmanager
async def _running(server: Server, home: Home) -> AsyncIterator[Child]:
    child = start_child(server, home)
    try:
        await await_ready(child)
        yield child
    finally:
        await stop_child(child)
