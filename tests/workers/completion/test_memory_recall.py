"""What a model is told of a conversation, on a real database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from contracts.errors import ApiError
from contracts.ids import CONVERSATION, PROJECT, new_id, new_ulid
from contracts.jobs import Turn
from infra.database import Database
from infra.registry.offers import Endpoint, Offer, Provider
from infra.store.projects import ProjectRow
from infra.store.turns import NewItem, NewTurn, append_turn
from tests.infra.store.conftest import store
from tests.workers.completion.test_memory_keeping import asked
from workers.completion.memory.patience import Patience
from workers.completion.memory.recall import Recall
from workers.completion.memory.tokenizers import Tokenizers

__all__ = ["store"]
pytestmark = pytest.mark.stack

Json = dict[str, Any]  # OpenAI's wire, open by nature


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def said(text: str) -> Json:
    return {"role": "assistant", "content": text}


async def conversation(store: Database, *words: str, project_id: str | None = None) -> str:
    """One with these texts, question and answer by turns."""
    one, job_id, now = new_id(CONVERSATION), new_ulid(), datetime.now(UTC)
    items = [
        NewItem(
            f"msg_{job_id}_{at}",
            "message",
            {"content": [{"type": "output_text" if at % 2 else "input_text", "text": text}]},
            role="assistant" if at % 2 else "user",
        )
        for at, text in enumerate(words)
    ]
    turn = NewTurn("t1", "u1", one, items, job_id=job_id, is_new=True, project_id=project_id)
    async with store.begin() as session:
        if project_id is not None:
            project = ProjectRow(
                project_id=project_id,
                tenant="t1",
                user_id="u1",
                name="n",
                instruction="Be.",
                created_at=now,
                updated_at=now,
            )
            session.add(project)
            await session.flush()
        assert await append_turn(session, turn, now)
    return one


async def told(
    database: Database,
    turn: Turn | None,
    messages: Sequence[Json],
    *,
    context: int | None = None,
    **body: Any,  # fields of a request
) -> Json:
    provider = Provider("p1", "p", endpoints=(Endpoint("http://127.0.0.1:9/v1"),))
    offers = [Offer(provider, "m", "m", context_length=context), Offer(provider, "m", "m")]
    async with aiohttp.ClientSession() as http:
        recall = Recall(database, lambda _: offers, Tokenizers(http, lambda _: None), Patience(1, 0.01))
        envelope = asked(turn, is_stored=body.get("store") is True)
        return await recall(envelope, {"model": "m", "messages": list(messages), **body})


async def test_the_history_stands_before_the_question(store: Database) -> None:
    one = await conversation(store, "a", "b")

    body = await told(store, Turn(conversation_id=one, after=2), [user("c")], conversation=one, store=False)

    assert body == {"model": "m", "messages": [user("a"), said("b"), user("c")]}


async def test_what_came_later_is_not_told(store: Database) -> None:
    one = await conversation(store, "a", "b", "c", "d")

    body = await told(store, Turn(conversation_id=one, after=2), [user("e")])

    assert body["messages"] == [user("a"), said("b"), user("e")]


async def test_a_repeated_conversation_is_told_once_with_its_instruction(store: Database) -> None:
    one = await conversation(store, "a", "b", project_id=new_id(PROJECT))

    body = await told(store, Turn(conversation_id=one, after=2), [user("a"), said("b"), user("c")])

    instruction = {"role": "system", "content": "Be."}
    assert body["messages"] == [instruction, user("a"), said("b"), user("c")]


async def test_a_body_without_a_conversation_stays_as_it_is(store: Database) -> None:
    body = await told(store, None, [user("c")], store=False, metadata={"k": "v"})

    assert body == {"model": "m", "messages": [user("c")], "store": False, "metadata": {"k": "v"}}


async def test_what_is_stored_here_is_not_stored_by_the_provider(store: Database) -> None:
    body = await told(store, None, [user("c")], store=True, metadata={"k": "v"}, store_reasoning=True)

    assert body == {"model": "m", "messages": [user("c")]}


async def test_the_oldest_turns_are_left_out_where_the_context_is_short(store: Database) -> None:
    words = [f"{number} " * 100 for number in range(40)]
    one = await conversation(store, *words)

    body = await told(store, Turn(conversation_id=one, after=40), [user("c")], context=1_000, max_tokens=100)

    kept = body["messages"]
    assert 2 < len(kept) < 40
    assert kept[-2:] == [said(words[-1]), user("c")]
    assert kept[0]["role"] == "user"
    assert [message["content"] for message in kept[:-1]] == words[-len(kept) + 1 :]


async def test_a_question_that_is_answered_again_is_told_however_long_it_is(store: Database) -> None:
    one = await conversation(store, "a " * 900, "b", "c " * 900)

    body = await told(store, Turn(conversation_id=one, after=3, new_branch="B"), [], context=500)

    assert body["messages"] == [user("c " * 900)]


async def test_an_edited_question_may_be_written_as_an_item(store: Database) -> None:
    one = await conversation(store, "a", "b")
    question = {"role": "user", "content": [{"type": "input_text", "text": "c"}]}

    body = await told(store, Turn(conversation_id=one, after=2, new_branch="B"), [question])

    assert body["messages"] == [user("a"), said("b"), user("c")]


async def test_what_was_to_be_answered_and_is_gone_is_not_asked(store: Database) -> None:
    with pytest.raises(ApiError) as caught:
        await told(store, Turn(conversation_id=new_id(CONVERSATION), after=2, new_branch="B"), [])

    assert caught.value.detail.status == 404


async def test_another_tenants_conversation_tells_nothing(store: Database) -> None:
    one = await conversation(store, "a", "b")
    envelope = asked(Turn(conversation_id=one, after=2)).model_copy(update={"tenant": "t2"})

    async with aiohttp.ClientSession() as http:
        recall = Recall(store, lambda _: [], Tokenizers(http, lambda _: None))
        body = await recall(envelope, {"messages": [user("c")]})

    assert body["messages"] == [user("c")]
