"""Turns of a response, as its caller's budgets let them begin."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.events import Failed
from contracts.responses.plan import ResponsePlan, TurnPlan
from infra.failpoints import Moment
from infra.limits.admission import Ask, BudgetField, BudgetLevel, Level, Verdict
from infra.limits.allowances import Allowance
from infra.limits.errors import LimitsDown
from infra.limits.gate import Entry, Estimate
from infra.settings import LimitSettings
from infra.store.responses import ResponseRow
from tests.workers.response.conftest import Open
from tests.workers.response.test_handler import TOOLS
from tests.workers.response.world import calls, says
from workers.response.limiting import LimitedTurns

SEARCHED = calls(("google_search", {"q": "x"}))


@dataclass
class Budget:
    """Covers so many turns."""

    turns: int
    asked: list[tuple[int, int]] = field(default_factory=list)
    """Numbers and prompts of the turns that were asked for."""

    async def refusal(
        self, row: ResponseRow, turn: TurnPlan, prompt_tokens: int, now: datetime
    ) -> ErrorDetail | None:
        self.asked.append((turn.number, prompt_tokens))
        covered = turn.number < self.turns
        return None if covered else ApiError(ErrorCode.BUDGET_EXCEEDED, "It is used up").detail


@pytest.mark.stack
@pytest.mark.parametrize("dies", [{}, {Moment.STEPPED: 2}, {Moment.SENT: 2}])
async def test_a_turn_that_no_budget_covers_ends_the_response_with_what_it_has(
    open_world: Open, dies: dict[Moment, int]
) -> None:
    world = open_world(SEARCHED, says("Never asked"), dies=dies, limits=Budget(1))
    await world.ask(TOOLS)

    await world.go()

    row = await world.row()
    assert (row.status, row.turn) == ("failed", 1)
    assert row.error == {"code": "rate_limit_exceeded", "message": "It is used up"}
    assert [item["status"] for item in await world.output()] == ["completed"]
    assert (await world.told())[-4:] == ["web_search_call.completed", "output_item.done", "failed", "end"]
    assert len(world.asked_turns) == 1
    assert sum(isinstance(event, Failed) for event in world.bus.events) == 1
    assert await world.is_sent()


@pytest.mark.stack
async def test_a_turn_is_expected_to_be_asked_with_the_last_one_and_its_results(open_world: Open) -> None:
    budget = Budget(9)
    world = open_world(SEARCHED, says("Done"), limits=budget)
    await world.ask(TOOLS)

    await world.go()

    (first, none), (second, prompt) = budget.asked
    assert (first, none, second) == (0, 0, 1)
    assert 10 + 4 < prompt < 100


TURN = TurnPlan(response_id="resp_1", number=1, job_id="j1", first_output=0)
NOW = datetime.now(UTC)


@dataclass
class OneAnswer:
    """A gate that always answers the same."""

    answer: Verdict | LimitsDown
    asked: list[tuple[Estimate, bool]] = field(default_factory=list)

    async def admit_turn(self, caller: Caller, job_id: str, estimate: Estimate, *, is_first: bool) -> Entry:
        self.asked.append((estimate, is_first))
        if isinstance(self.answer, LimitsDown):
            raise self.answer
        budget = BudgetField(None, "tokens", "day", 100)
        return Entry(Allowance("free", 1, 1), Ask(caller.tenant, None, 0, 1, 1, None, [budget]), self.answer)


def verdict(code: int) -> Verdict:
    level = Level(1, 0.0)
    return Verdict(code, NOW.timestamp(), level, level, 0.0, (BudgetLevel(100, 0, None),))


def row_with(**chat: int) -> ResponseRow:
    envelope = {
        "job_id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
        "kind": "response",
        "tenant": "t1",
        "lane": "default",
        "caller": {"user_id": "u1", "tenant": "t1"},
        "asked_at": NOW.isoformat(),
        "deadline": (NOW + timedelta(seconds=60)).isoformat(),
        "job": {"response_id": "resp_1"},
    }
    plan = ResponsePlan(chat=chat).model_dump(mode="json")
    return ResponseRow(
        response_id="resp_1", tenant="t1", user_id="u1", model="m", asked={}, plan=plan, envelope=envelope,
        trace={}, created_at=NOW, expires_at=NOW,
    )  # fmt: skip


async def test_a_turn_is_held_for_its_prompt_and_what_it_may_answer() -> None:
    gate = OneAnswer(verdict(0))
    turns = LimitedTurns(gate, LimitSettings(answer_tokens=500))

    for row, turn in ((row_with(max_tokens=20), TURN), (row_with(), TURN)):
        assert await turns.refusal(row, turn, 70, NOW) is None
    first = TURN.model_copy(update={"number": 0})
    assert await turns.refusal(row_with(), first, 0, NOW) is None

    told = [(one.input_tokens, one.output_tokens, one.seconds, is_first) for one, is_first in gate.asked]
    assert told == [(70, 20, 60, False), (70, 500, 60, False), (0, 0, 60, True)]


async def test_a_budget_that_is_used_up_says_whose_it_is() -> None:
    turns = LimitedTurns(OneAnswer(verdict(3)), LimitSettings())

    refusal = await turns.refusal(row_with(), TURN, 70, NOW)

    assert refusal is not None
    assert refusal.code == ErrorCode.BUDGET_EXCEEDED
    assert refusal.message.startswith("The daily budget of this account")


async def test_without_redis_turns_begin_unless_the_door_is_to_be_closed() -> None:
    away = OneAnswer(LimitsDown())

    assert await LimitedTurns(away, LimitSettings()).refusal(row_with(), TURN, 70, NOW) is None
    with pytest.raises(LimitsDown):
        await LimitedTurns(away, LimitSettings(without_redis="closed")).refusal(row_with(), TURN, 70, NOW)
