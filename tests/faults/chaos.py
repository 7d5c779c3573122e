"""One run: load from clients while processes die and connections break, then peace, then the checker."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from infra.embedded.home import open_home
from infra.embedded.place import Place
from infra.embedded.ports import Ports
from tests.acceptance.waiting import until
from tests.faults import evidence
from tests.faults.checker import Evidence, Violation, check
from tests.faults.clients import Clients
from tests.faults.counting import CountingUpstream, open_counting
from tests.faults.history import Ask, History
from tests.faults.plan import TENANTS, Act, Options, Strike, asks_of, strikes_of
from tests.faults.stack import Stack, open_stack

STOP_SECONDS = 8.0
"""How long a stopped worker sleeps: beyond its lease and its session."""
TELL_EVERY = 10.0
LOOK_EVERY = 0.5
"""Seconds between looks at processes that may have ended by themselves."""
WARM = 40
"""Asks before the first kill, after which a process's memory is taken as its usual one."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Verdict:
    """What a run showed."""

    options: Options
    evidence: Evidence
    violations: Sequence[Violation]
    strikes: Counter[str]
    seconds: float
    folder: Path


async def run(options: Options, folder: Path, cache: Path, say: Say) -> Verdict:
    """Do it. Raises StackError when the stack cannot be brought up, again or at first."""
    began, before = time.monotonic(), evidence.processes()
    place = Place(open_home(folder / "stack", cache), Ports(usual=False))
    asks, struck = asks_of(options), Counter[str]()
    with History(folder / "history.jsonl") as history:
        history.tell(
            "options", seed=options.seed, jobs=options.jobs, kills=options.kills, broker=options.broker
        )
        async with open_counting() as upstream:
            async with open_stack(place, upstream.port, TENANTS, options.broker) as stack:
                say(f"the stack stands after {time.monotonic() - began:.0f} s and logs to {place.home.logs}")
                found = await _under_load(Load(options, stack, upstream, history, say), asks, struck)
            found = replace(found, processes=evidence.processes_left(before))
    return Verdict(options, found, check(found), struck, time.monotonic() - began, folder)


@dataclass(frozen=True)
class Load:
    """What a run works with."""

    options: Options
    stack: Stack
    upstream: CountingUpstream
    history: History
    say: Say


async def _under_load(load: Load, asks: Sequence[Ask], struck: Counter[str]) -> Evidence:
    stack = load.stack
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        clients = Clients(session, stack.edges, stack.tokens, load.history, load.options.seed)
        await until(lambda: _models_are_known(session, stack))
        async with asyncio.TaskGroup() as tasks, _told(load, clients, struck), _raised(load):
            await _send(load, clients, tasks, asks[:WARM])
            warm = evidence.memory_of(stack.product_seats())
            striking = tasks.create_task(_strike(load, struck))
            await _send(load, clients, tasks, asks[WARM:])
            await striking
            stack.heal()
        load.say("all clients have their ends; waiting for quiet")
        async with _raised(load):
            backlog = await evidence.quiet(stack.direct.kafka, stack.direct.database)
            await clients.reread(asks)
    return await _gather(load, asks, backlog, warm)


async def _send(load: Load, clients: Clients, tasks: asyncio.TaskGroup, asks: Sequence[Ask]) -> None:
    """Begin the asks one by one, evenly."""
    loop, gap = asyncio.get_running_loop(), load.options.seconds / load.options.jobs
    began = loop.time()
    for number, ask in enumerate(asks):
        await asyncio.sleep(max(0.0, began + number * gap - loop.time()))
        tasks.create_task(clients.ask(ask), name=f"ask {ask.number}")


async def _strike(load: Load, struck: Counter[str]) -> None:
    """Break what the plan says, when it says; whatever is broken comes back by itself."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for strike in strikes_of(load.options):
            await asyncio.sleep(max(0.0, began + strike.at - loop.time()))
            struck[strike.act] += 1
            load.history.tell("strike", act=strike.act, victim=strike.victim, pause=strike.pause)
            tasks.create_task(_do(load, strike), name=strike.act)


async def _do(load: Load, strike: Strike) -> None:
    verb, role = strike.act.split(" ")
    if verb == "kill":
        await load.stack.seat(role, strike.victim).kill(strike.pause)
    elif strike.act is Act.STOP_WORKER:
        await load.stack.seat(role, strike.victim).freeze(STOP_SECONDS)
    else:
        load.stack.proxies[role].reset()
    load.history.tell("healed", act=strike.act, victim=strike.victim)


async def _gather(
    load: Load, asks: Sequence[Ask], backlog: Mapping[str, int], warm: Mapping[str, float]
) -> Evidence:
    kafka, stack = load.stack.direct.kafka, load.stack
    bounds, memory = evidence.bounds_of(warm), evidence.memory_of(stack.product_seats())
    return Evidence(
        asks=asks,
        parts=load.history.parts,
        jobs=await evidence.jobs_in(kafka),
        ends=await evidence.ends_in(kafka),
        rows=await evidence.rows_in(stack.direct.database),
        calls=load.upstream.calls,
        backlog=backlog,
        dead_letters=await evidence.dead_letters_in(kafka),
        fallen={seat.name: seat.falls for seat in stack.product_seats() if seat.falls},
        memory={name: (has, bounds[name]) for name, has in memory.items()},
    )


async def _models_are_known(session: aiohttp.ClientSession, stack: Stack) -> bool:
    """Whether both edges offer the provider's model, which the first worker told them."""
    headers = {"Authorization": f"Bearer {stack.tokens[0]}"}
    for edge in stack.edges:
        async with session.get(f"{edge}/v1/models", headers=headers) as answer:
            if not (await answer.json())["data"]:
                return False
    return True


@asynccontextmanager
async def _raised(load: Load) -> AsyncIterator[None]:
    """Start processes again that end by themselves, as a supervisor does; each time counts."""

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for seat in load.stack.product_seats():
                if await seat.raise_fallen():
                    load.history.tell("fallen", seat=seat.name)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


@asynccontextmanager
async def _told(load: Load, clients: Clients, struck: Counter[str]) -> AsyncIterator[None]:
    """Say how it goes, while it goes."""

    async def tell() -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(TELL_EVERY)
            broken = ", ".join(f"{count} x {act}" for act, count in sorted(struck.items()))
            seconds = time.monotonic() - began
            load.say(f"{seconds:4.0f} s: {clients.begun} asked, {clients.open} open; {broken or 'all well'}")

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
