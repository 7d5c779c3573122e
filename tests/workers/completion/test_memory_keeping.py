"""What is kept of a completion, on a real database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.envelope import Caller, Lane
from contracts.ids import CONVERSATION, chat_id, new_id, new_ulid
from contracts.jobs import CompletionEnvelope, CompletionJob, Turn
from infra.database import Database
from infra.store.completions import StoredCompletionRow
from infra.store.conversations import ConversationRow
from infra.store.items import ItemRow
from infra.store.turns import remembered_items
from tests.infra.store.conftest import store
from workers.completion.memory.keeping import TurnKeeper

__all__ = ["store"]
pytestmark = pytest.mark.stack

Json = dict[str, Any]  # OpenAI's wire, open by nature
QUESTION: list[Json] = [{"role": "system", "content": "S"}, {"role": "user", "content": "What is it?"}]


def asked(turn: Turn | None, **more: Any) -> CompletionEnvelope:  # fields of a job
    now = datetime.now(UTC)
    job_id = new_ulid()
    return CompletionEnvelope(
        job_id=job_id,
        kind="completion",
        tenant="t1",
        caller=Caller(user_id="u1", tenant="t1"),
        lane=Lane.DEFAULT,
        asked_at=now,
        deadline=now + timedelta(seconds=60),
        job=CompletionJob(model="m", turn=turn, **more),
    )


def new() -> Turn:
    return Turn(conversation_id="", is_new=True)


def answer(text: str = "It.", **message: Any) -> bytes:  # fields of a message
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


async def keep(
    store: Database,
    envelope: CompletionEnvelope,
    messages: list[Json] | None = None,
    *,
    attempt: int = 1,
    payload: bytes | None = None,
    **body: Any,  # fields of a request
) -> str:
    sent = {"model": "m", "messages": QUESTION if messages is None else messages, **body}
    await TurnKeeper(store).keep(envelope, attempt, sent, [payload or answer()])
    return CONVERSATION + envelope.job_id


async def kept(store: Database, conversation_id: str, branch: str = "MAIN") -> list[ItemRow]:
    async with store.begin() as session:
        rows, _ = await remembered_items(session, conversation_id, branch, 10**9, lambda _: False)
    return rows


def texts(rows: list[ItemRow]) -> list[str]:
    return [row.data["content"][0]["text"] for row in rows]


async def test_a_new_conversation_has_the_turn_without_its_instructions_and_a_title(store: Database) -> None:
    turn = new().model_copy(update={"referrer": "r", "metadata": {"k": "v"}})

    one = await keep(store, asked(turn))

    rows = await kept(store, one)
    async with store.begin() as session:
        row = await session.get(ConversationRow, one)
    assert row is not None
    assert (row.title, row.tenant, row.user_id) == ("What is it?", "t1", "u1")
    assert (row.referrer, row.meta) == ("r", {"k": "v"})
    assert texts(rows) == ["What is it?", "It."]
    assert [row.model for row in rows] == [None, "m"]
    assert [row.item_id for row in rows] == [f"msg_{rows[0].job_id}_0", f"msg_{rows[0].job_id}_1"]


async def test_a_second_attempt_leaves_one_turn(store: Database) -> None:
    envelope = asked(new())
    await keep(store, envelope)

    one = await keep(store, envelope, attempt=2, payload=answer("Other."))
    await keep(store, envelope, attempt=1)

    assert texts(await kept(store, one)) == ["What is it?", "Other."]


async def test_only_what_is_new_of_a_repeated_conversation_is_appended(store: Database) -> None:
    one = await keep(store, asked(new()))
    again = [*QUESTION, {"role": "assistant", "content": "It."}, {"role": "user", "content": "Why?"}]

    await keep(store, asked(Turn(conversation_id=one, after=2)), again)

    assert texts(await kept(store, one)) == ["What is it?", "It.", "Why?", "It."]


async def test_an_edited_question_is_kept_though_it_repeats_another(store: Database) -> None:
    one = await keep(store, asked(new()))
    turn = Turn(conversation_id=one, after=0, new_branch="B")

    await keep(store, asked(turn))

    assert texts(await kept(store, one, "B")) == ["What is it?", "It."]
    assert len(await kept(store, one)) == 2


async def test_calls_and_outputs_have_their_ids(store: Database) -> None:
    call = {"id": "c" * 300, "type": "function", "function": {"name": "f", "arguments": "{}"}}

    one = await keep(store, asked(new()), payload=answer("", tool_calls=[call]))
    output = {"role": "tool", "tool_call_id": call["id"], "content": "out"}
    await keep(store, asked(Turn(conversation_id=one, after=2)), [output])

    rows = await kept(store, one)
    assert [row.type for row in rows] == ["message", "function_call", "function_call_output", "message"]
    assert rows[1].item_id.startswith("fc_")
    assert rows[2].item_id.startswith("fco_")
    assert rows[1].call_id == rows[2].call_id == "c" * 256


async def test_what_no_database_takes_is_kept_without_it(store: Database) -> None:
    one = await keep(store, asked(new()), [{"role": "user", "content": "a\0b"}], payload=answer("c\0d"))

    assert texts(await kept(store, one)) == ["a\ufffdb", "c\ufffdd"]


async def test_a_deleted_conversation_keeps_the_completion_alone(store: Database) -> None:
    envelope = asked(Turn(conversation_id=new_id(CONVERSATION), after=2), is_stored=True)

    await keep(store, envelope, metadata={"k": "v"})

    async with store.begin() as session:
        row = await session.get(StoredCompletionRow, envelope.job_id)
    assert row is not None
    assert row.meta == {"k": "v"}
    assert row.completion["choices"][0]["message"]["content"] == "It."
    assert row.expires_at - row.created_at == timedelta(days=30)


async def test_what_was_thought_is_kept_where_that_is_wanted(store: Database) -> None:
    turn = new().model_copy(update={"keeps_reasoning": True})

    one = await keep(store, asked(turn), payload=answer(reasoning_content="Hm."))

    rows = await kept(store, one)
    assert [row.type for row in rows] == ["message", "reasoning", "message"]
    assert rows[1].data["content"] == [{"type": "reasoning_text", "text": "Hm."}]


async def test_an_answer_names_its_conversation(store: Database) -> None:
    keeper, body = TurnKeeper(store), {"messages": QUESTION}
    begun, unkept = asked(new()), asked(new().model_copy(update={"is_kept": False}))
    again = asked(Turn(conversation_id="conv_1", branch="A", new_branch="B", question_id="msg_1", title="T"))

    assert keeper.named(begun, body) == {
        "conversation": {"id": f"conv_{begun.job_id}", "title": "What is it?"}
    }
    assert keeper.named(unkept, body) == keeper.named(asked(None), body) == {}
    assert keeper.named(again, {"messages": []}) == {
        "conversation": {"id": "conv_1", "title": "T"},
        "branch": "B",
        "old_main_backup": "A",
        "branch_created": True,
        "new_branch": "B",
        "user_item_id": "msg_1",
    }


async def test_only_what_is_to_be_kept_is_wanted(store: Database) -> None:
    keeper = TurnKeeper(store)
    job, turn = asked(None).job, new()

    assert not keeper.wants(job)
    assert keeper.wants(job.model_copy(update={"is_stored": True}))
    assert keeper.wants(job.model_copy(update={"turn": turn}))
    assert not keeper.wants(job.model_copy(update={"turn": turn.model_copy(update={"is_kept": False})}))


async def test_a_folded_stream_is_kept_under_its_public_id(store: Database) -> None:
    envelope = asked(None, is_stored=True)
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "a"}}]}

    await keep(store, envelope, payload=json.dumps(chunk).encode())

    async with store.begin() as session:
        row = await session.get(StoredCompletionRow, envelope.job_id)
    assert row is not None
    assert (row.completion["id"], row.completion["object"]) == (chat_id(envelope.job_id), "chat.completion")
