"""What is kept of a completion that ended well: its turn of a conversation, and itself."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from contracts.envelope import Envelope
from contracts.ids import CONVERSATION, chat_id
from contracts.jobs import CompletionJob, Turn
from contracts.wire.items import MAX_CALL_ID, PREFIXES
from infra.database import Database, Transaction
from infra.failpoints import Failpoints, Moment
from infra.store.completions import StoredCompletionRow, keep_completion
from infra.store.items import ItemRow
from infra.store.turns import NewItem, NewTurn, append_turn, remembered_items
from workers.completion.core.history import fresh_items, said
from workers.completion.core.items import Item, items_of
from workers.completion.core.jsontext import JsonObject
from workers.completion.core.title import UNTITLED, title_of
from workers.completion.core.whole import cleaned, whole_of
from workers.completion.memory.patience import Patience
from workers.completion.memory.recall import item_of

KEPT_FOR = timedelta(days=30)
"""A stored completion, as OpenAI has it."""
REASONING = ("reasoning_content", "reasoning")

log = logging.getLogger(__name__)


class TurnKeeper:
    """Keeps turns and completions, in one transaction for each job."""

    def __init__(
        self,
        database: Database,
        failpoints: Failpoints | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._failpoints = failpoints or Failpoints()
        self._patience = patience or Patience()

    def wants(self, job: CompletionJob) -> bool:
        """Whether something of it is to be kept."""
        return job.is_stored or (job.turn is not None and job.turn.is_kept)

    def named(self, envelope: Envelope[CompletionJob], body: JsonObject) -> JsonObject:
        """What the answer tells of its conversation, beside the completion itself."""
        turn = envelope.job.turn
        if turn is None or (turn.is_new and not turn.is_kept):
            return {}
        about = {"id": conversation_id_of(envelope, turn), "title": _title(turn, body)}
        return {"conversation": about} | _branched(envelope, turn)

    async def keep(
        self,
        envelope: Envelope[CompletionJob],
        attempt: int,
        body: JsonObject,
        payloads: Sequence[bytes],
    ) -> None:
        """Keep an answer. Raises DatabaseUnavailable: a turn that is not there must not be believed in."""
        whole = whole_of(payloads, chat_id(envelope.job_id))

        async def write() -> None:
            async with self._database.begin() as session:
                await self._write(session, envelope, attempt, cleaned(body), whole)

        await self._patience.until_done(write, envelope.deadline)
        self._failpoints.hit(Moment.KEPT)

    async def _write(
        self,
        session: Transaction,
        envelope: Envelope[CompletionJob],
        attempt: int,
        body: JsonObject,
        whole: JsonObject,
    ) -> None:
        job, now = envelope.job, datetime.now(UTC)
        if job.turn is not None and job.turn.is_kept:
            asked = await _fresh(session, job.turn, body)
            new = new_turn(envelope, attempt, body, asked, whole)
            if not await append_turn(session, new, now):
                about = {"job_id": envelope.job_id, "attempt": attempt}
                log.warning("turn_not_kept", extra=about)  # deleted meanwhile, or a later attempt's
        if job.is_stored:
            await keep_completion(session, _completion(envelope, attempt, body, whole, now), now)


def conversation_id_of(envelope: Envelope[CompletionJob], turn: Turn) -> str:
    """The id of a job's conversation: a new one is named by its job."""
    return CONVERSATION + envelope.job_id if turn.is_new else turn.conversation_id


def new_turn(
    envelope: Envelope[CompletionJob],
    attempt: int,
    body: JsonObject,
    asked: Sequence[Item],
    whole: JsonObject,
) -> NewTurn:
    """The turn of a job: what was asked, and the first choice of the answer."""
    job, turn = envelope.job, _turn(envelope.job)
    answered = answer_items(whole, keeps_reasoning=turn.keeps_reasoning)
    new = [_named(envelope.job_id, at, item, None) for at, item in enumerate(asked)]
    new += [_named(envelope.job_id, at, item, job.model) for at, item in enumerate(answered, len(new))]
    return NewTurn(
        tenant=envelope.tenant,
        user_id=envelope.caller.user_id,
        conversation_id=conversation_id_of(envelope, turn),
        items=new,
        job_id=envelope.job_id,
        attempt=attempt,
        branch=turn.branch,
        new_branch=turn.new_branch,
        after=turn.after,
        title=_title(turn, body),
        is_new=turn.is_new,
        metadata=turn.metadata or {},
        project_id=turn.project_id,
        referrer=turn.referrer,
    )


def answer_items(whole: JsonObject, *, keeps_reasoning: bool) -> list[Item]:
    """The items of a completion's first choice."""
    message: JsonObject = whole["choices"][0].get("message") or {}
    items = items_of([message | {"role": "assistant"}])
    reasoning = next((message[name] for name in REASONING if message.get(name)), None)
    if keeps_reasoning and isinstance(reasoning, str):
        content = [{"type": "reasoning_text", "text": reasoning}]
        items.insert(0, Item("reasoning", {"summary": [], "content": content}))
    return items


async def _fresh(session: Transaction, turn: Turn, body: JsonObject) -> list[Item]:
    """What the request asks and the conversation does not hold yet. An edited question is always new."""
    messages: list[JsonObject] = body["messages"]
    asked = items_of(messages)
    if turn.is_new or turn.new_branch is not None or not asked:
        return asked
    stored: list[Item] = []

    def is_more(rows: Sequence[ItemRow]) -> bool:
        stored.extend(said([item_of(row) for row in rows]))
        return len(stored) > len(asked)

    rows, is_all = await remembered_items(
        session, turn.conversation_id, turn.branch, turn.after, is_more, len(asked) + 1
    )
    return fresh_items([item_of(row) for row in rows], messages) if is_all else asked


def _named(job_id: str, at: int, item: Item, model: str | None) -> NewItem:
    call_id = None if item.call_id is None else item.call_id[:MAX_CALL_ID]
    item_id = f"{PREFIXES[item.type]}{job_id}_{at}"
    return NewItem(item_id, item.type, item.data, item.role, call_id, model)


def _title(turn: Turn, body: JsonObject) -> str | None:
    if turn.title is not None:
        return turn.title
    made = title_of(body["messages"])
    return None if made == UNTITLED and not turn.is_new else made


def _branched(envelope: Envelope[CompletionJob], turn: Turn) -> JsonObject:
    """Where an edited or another answer went, as clients of Jan's former servers read it."""
    if turn.new_branch is None:
        return {}
    return {
        "branch": turn.new_branch,
        "old_main_backup": turn.branch,
        "branch_created": turn.is_kept,
        "new_branch": turn.new_branch,
        "user_item_id": turn.question_id or f"msg_{envelope.job_id}_0",
    }


def _completion(
    envelope: Envelope[CompletionJob],
    attempt: int,
    body: JsonObject,
    whole: JsonObject,
    now: datetime,
) -> StoredCompletionRow:
    metadata = body.get("metadata") or {}
    return StoredCompletionRow(
        job_id=envelope.job_id,
        tenant=envelope.tenant,
        model=envelope.job.model,
        meta=dict(islice(metadata.items(), 16)),
        request=body,
        completion=whole,
        attempt=attempt,
        created_at=now,
        expires_at=now + KEPT_FOR,
    )


def _turn(job: CompletionJob) -> Turn:
    assert job.turn is not None  # noqa: S101  who asks has looked
    return job.turn
