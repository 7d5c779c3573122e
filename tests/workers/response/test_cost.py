"""What a step costs, in statements and messages: the same however long the response is."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from contracts.responses.plan import Offered, OfferKind, ResponsePlan
from infra.database import Database
from tests.workers.response.conftest import Open
from tests.workers.response.world import calls, says

pytestmark = pytest.mark.stack

SEARCH = Offered(name="google_search", kind=OfferKind.WEB_SEARCH, tool="google_search")
PLAN = ResponsePlan(offered=(SEARCH,), max_turns=15)
TURNS = 12
MOST_STATEMENTS = 14
"""Of one step in the middle, the two transactions' own included."""


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are sent while the block runs."""
    sent: list[str] = []

    def on_execute(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", on_execute)
    try:
        yield sent
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", on_execute)


async def test_a_step_costs_the_same_however_long_the_response_is(open_world: Open) -> None:
    again = calls(("google_search", {"q": "x"}))
    world = open_world(*[again] * (TURNS - 1), says("Done"))
    await world.ask(PLAN)
    await world.word()
    costs: list[tuple[int, int]] = []

    while world.bus.sent:
        await world.take_one()
        told = len(world.bus.events)
        with counted(world.database) as sent:
            await world.word()
        costs.append((len(sent), len(world.bus.sent) + len(world.bus.events) - told))

    turns, tools = costs[0:-3:2], costs[1:-3:2]
    assert len(set(turns)) == len(set(tools)) == 1, costs
    assert max(statements for statements, _ in costs[:-1]) <= MOST_STATEMENTS, costs
