"""A response from its first word to its last, and what becomes of it when steps die."""

import asyncio
from collections import Counter

import pytest

from contracts.errors import ApiError, ErrorCode
from contracts.events import Accepted, Cancelled, Claimed, Failed, Finished
from contracts.responses.plan import Offered, OfferKind, ResponsePlan
from infra.failpoints import Injected, Moment
from infra.store.responses import delete_response
from tests.workers.response.conftest import Open
from tests.workers.response.world import TENANT, World, calls, says
from workers.response.due import DueResponses

pytestmark = pytest.mark.stack

SEARCH = Offered(name="google_search", kind=OfferKind.WEB_SEARCH, tool="google_search")
PYTHON = Offered(name="python_exec", kind=OfferKind.CODE_INTERPRETER, tool="python_exec")
REMOTE = Offered(name="acme_add", kind=OfferKind.MCP, tool="acme__add", server_label="acme", shown_name="add")
BROKEN = Offered(name="broken", kind=OfferKind.MCP, tool="broken", server_label="acme")
OWN = Offered(name="weather", kind=OfferKind.FUNCTION)
TOOLS = ResponsePlan(offered=(SEARCH, PYTHON, REMOTE, BROKEN, OWN))
BEGUN = ["created", "in_progress"]
AT_ONCE = 5


async def test_an_answer_completes_a_response(open_world: Open) -> None:
    world = open_world(says("Hello"))
    await world.ask(ResponsePlan())

    await world.go()

    row = await world.row()
    assert (row.status, row.turn, row.due_at) == ("completed", 1, None)
    assert row.usage is not None
    assert (row.usage["input_tokens"], row.usage["output_tokens"], row.usage["total_tokens"]) == (10, 4, 14)
    assert [item["content"][0]["text"] for item in await world.output()] == ["Hello"]
    assert await world.told() == [*BEGUN, "turn", "completed", "end"]
    kinds = [type(event) for event in world.bus.events]
    assert kinds == [Accepted, Claimed, Finished]
    assert await world.is_sent()


async def test_calls_of_a_turn_go_out_together_and_the_next_turn_waits_for_all(open_world: Open) -> None:
    made = calls(("google_search", {"q": "x"}), ("python_exec", {"code": "1"}), ("acme_add", {"a": 1}))
    world = open_world(made, says("Done"))
    await world.ask(TOOLS)

    await world.go()

    told = await world.told()
    assert told[:3] == [*BEGUN, "turn"]
    assert told[3:5] == ["web_search_call.searching", "code_interpreter_call.interpreting"]
    assert told[-3:] == ["turn", "completed", "end"]
    assert set(told[5:-3]) == {
        *("web_search_call.completed", "code_interpreter_call.completed", "mcp_call.completed"),
        "output_item.done",
    }
    search, program, remote, message = await world.output()
    assert (search["status"], program["status"], remote["status"]) == ("completed",) * 3
    assert remote["output"] == 'acme__add says {"a": 1}'
    assert message["content"][0]["text"] == "Done"
    assert set(world.executed.values()) == {1}
    row = await world.row()
    assert (row.turn, row.calls, row.outputs) == (2, 3, 4)
    assert row.usage is not None
    assert row.usage["total_tokens"] == 28


async def test_a_tools_failure_is_told_to_the_model_and_the_response_goes_on(open_world: Open) -> None:
    world = open_world(calls(("broken", {})), says("It failed"))
    await world.ask(TOOLS)

    await world.go()

    call, _ = await world.output()
    assert call["status"] == "failed"
    assert call["error"] == {
        "type": "mcp_tool_execution_error",
        "content": [{"type": "text", "text": "it broke"}],
    }
    assert "mcp_call.failed" in await world.told()
    assert (await world.row()).status == "completed"


async def test_a_clients_function_ends_the_response_when_our_own_calls_have_ended(open_world: Open) -> None:
    world = open_world(calls(("weather", {"city": "Oslo"}), ("google_search", {"q": "x"})))
    await world.ask(TOOLS)

    await world.go()

    own, search = await world.output()
    assert (own["type"], own["status"], search["status"]) == ("function_call", "completed", "completed")
    assert (await world.row()).status == "completed"
    assert sum(world.asked_turns.values()) == 1


async def test_a_call_that_needs_approval_ends_the_response_with_the_question(open_world: Open) -> None:
    plan = ResponsePlan(offered=(REMOTE.model_copy(update={"needs_approval": True}),))
    world = open_world(calls(("acme_add", {"a": 1})))
    await world.ask(plan)

    await world.go()

    (question,) = await world.output()
    assert question["type"] == "mcp_approval_request"
    assert not world.executed
    assert (await world.row()).status == "completed"


async def test_a_tool_that_is_not_there_is_told_to_the_model(open_world: Open) -> None:
    world = open_world(calls(("nothing", {})), says("Sorry"))
    await world.ask(TOOLS)

    await world.go()

    call, output, message = await world.output()
    assert output["call_id"] == call["call_id"]
    assert output["output"] == "There is no tool 'nothing'"
    assert message["content"][0]["text"] == "Sorry"


async def test_reaching_the_depth_leaves_it_incomplete_with_all_outputs(open_world: Open) -> None:
    again = calls(("google_search", {"q": "x"}))
    world = open_world(*[again] * 3)
    await world.ask(TOOLS.model_copy(update={"max_turns": 3}))

    await world.go()

    row = await world.row()
    assert (row.status, row.incomplete_reason, row.turn) == ("incomplete", "max_turns", 3)
    assert [item["status"] for item in await world.output()] == ["completed"] * 3
    assert (await world.told())[-2:] == ["incomplete", "end"]


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
async def test_a_cut_answer_leaves_it_incomplete(open_world: Open, finish: str, reason: str) -> None:
    world = open_world(says("Hel", finish))
    await world.ask(ResponsePlan())

    await world.go()

    row = await world.row()
    assert (row.status, row.incomplete_reason) == ("incomplete", reason)
    assert (await world.output())[0]["status"] == "incomplete"


async def test_more_calls_than_allowed_are_ignored(open_world: Open) -> None:
    world = open_world(calls(("google_search", {"q": "x"}), ("google_search", {"q": "y"})), says("Done"))
    await world.ask(TOOLS.model_copy(update={"max_calls": 1}))

    await world.go()

    search, message = await world.output()
    assert (search["action"]["query"], message["type"]) == ("x", "message")
    assert sum(world.executed.values()) == 1


async def test_a_response_whose_time_is_over_has_failed_and_its_turn_is_stopped(open_world: Open) -> None:
    world = open_world()
    await world.ask(ResponsePlan(), seconds=0.2)
    await world.word()
    (turn,) = await world.steps()

    while (await world.row()).status != "failed":
        await world.word()

    row = await world.row()
    assert row.error is not None
    assert row.error["code"] == "server_error"
    assert [step.status for step in await world.steps()] == ["cancelled"]
    ends = [event for event in world.bus.events if isinstance(event, Failed | Cancelled)]
    assert {(type(one), one.job_id) for one in ends} == {(Failed, world.job_id), (Cancelled, turn.job_id)}


@pytest.mark.parametrize("words", [0, 1, 2])
async def test_cancelled_it_ends_once(open_world: Open, words: int) -> None:
    world = open_world(calls(("google_search", {"q": "x"})))
    await world.ask(TOOLS)
    for _ in range(words):
        await world.word()

    await world.word(is_cancelled=True)
    await world.word(is_cancelled=True)
    await world.word()

    assert (await world.row()).status == "cancelled"
    assert (await world.told())[-2:] == ["cancelled", "end"]
    assert [type(event) for event in world.bus.events].count(Cancelled) == 1 + min(words, 1)


async def outcome(world: World) -> tuple[object, ...]:
    """All that anybody can see of a response that ended."""
    row = await world.row()
    steps = [(step.kind, step.turn, step.status) for step in await world.steps()]
    ulid = world.job_id
    items = [
        {k: v for k, v in item.items() if k not in ("id", "call_id", "container_id")}
        for item in await world.output()
    ]
    assert len(ulid) == 26
    return row.status, row.usage, row.turn, row.calls, row.frames, items, steps, await world.told()


TURNS = (
    calls(("google_search", {"q": "a"}), ("python_exec", {"code": "1"})),
    calls(("acme_add", {"a": 1}), ("broken", {}), ("google_search", {"q": "b"})),
    says("Done"),
)
STEPS = 8
"""Words that make a step in a run of these turns: the first, three turns, and five calls less one."""


async def test_dying_at_any_step_changes_nothing(open_world: Open) -> None:
    whole = open_world(*TURNS)
    await whole.ask(TOOLS)
    await whole.go()
    expected = await outcome(whole)

    died = 0
    for moment in (Moment.STEPPED, Moment.SENT):
        for hit in range(1, STEPS + 3):
            world = open_world(*TURNS, dies={moment: hit})
            await world.ask(TOOLS)

            await world.go()

            assert await outcome(world) == expected, (moment, hit)
            assert set(world.executed.values()) == {1}
            assert len(world.executed) == 5
            assert await world.is_sent()
            died += world.deaths
    assert died >= 2 * STEPS
    assert [type(event) for event in whole.bus.events].count(Finished) == 1


async def test_words_that_come_at_once_send_everything_once(open_world: Open) -> None:
    world = open_world(calls(("google_search", {"q": "x"}), ("google_search", {"q": "y"})), says("Done"))
    await world.ask(TOOLS)
    records: list[bytes] = []

    while not (await world.row()).ended_at:
        await asyncio.gather(*(world.word() for _ in range(AT_ONCE)))
        records += [value for _, value in world.bus.sent]
        while world.bus.sent:
            await world.take_one()

    told = Counter(event.model_dump_json() for event in world.bus.events)
    assert set(told.values()) == {1}
    assert set(Counter(records).values()) == {1}
    assert len(records) == 2 + 2


async def test_a_row_of_another_version_holds_up_no_other(
    open_world: Open, caplog: pytest.LogCaptureFixture
) -> None:
    odd, sound = open_world(), open_world(says("Hello"))
    await odd.ask(ResponsePlan())
    await odd.change(plan={"max_turns": "many"})
    await sound.ask(ResponsePlan())
    for world in (odd, sound):
        await world.change(due_at=world.asked_at)

    due = DueResponses(sound.database, sound.work.step)
    while await due.look_at_next():
        pass
    await odd.work.on_dead(odd.record(), ApiError(ErrorCode.INTERNAL, "It broke").detail)
    await sound.go()

    assert "response_not_looked_at" in caplog.text
    assert "response_unreadable" in caplog.text
    assert ((await odd.row()).status, (await sound.row()).status) == ("queued", "completed")


async def test_a_word_that_nobody_could_take_ends_its_response(open_world: Open) -> None:
    world = open_world()
    await world.ask(ResponsePlan())
    await world.word()

    await world.work.on_dead(world.record(), ApiError(ErrorCode.INTERNAL, "It broke").detail)

    row = await world.row()
    assert (row.status, row.error) == ("failed", {"code": "server_error", "message": "It broke"})
    assert (await world.told())[-2:] == ["failed", "end"]


async def test_a_response_that_is_deleted_takes_its_outbox_along(open_world: Open) -> None:
    world = open_world(dies={Moment.STEPPED: 1})
    await world.ask(ResponsePlan())
    with pytest.raises(Injected):
        await world.work.step(world.id)
    waited = not await world.is_sent()

    async with world.database.begin() as session:
        assert await delete_response(session, TENANT, world.id)

    assert waited
    assert await world.is_sent()


async def test_what_its_turns_answered_together_may_be_all_that_it_may_have(open_world: Open) -> None:
    world = open_world(calls(("google_search", {"q": "x"})), says("Never asked"))
    await world.ask(TOOLS.model_copy(update={"chat": {"max_tokens": 4}}))

    await world.go()

    row = await world.row()
    assert (row.status, row.incomplete_reason, row.turn) == ("incomplete", "max_output_tokens", 1)
    assert [item["status"] for item in await world.output()] == ["completed"]
