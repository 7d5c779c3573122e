"""A caller's stored completions: listed, read, given other metadata, deleted."""

from dataclasses import dataclass
from typing import Any

from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import CHAT_PREFIX, chat_id, is_ulid, job_id_of
from contracts.wire.lists import Page
from contracts.wire.stored import MetadataChange, StoredCompletion, StoredMessage
from infra.database import Database, Transaction
from infra.store.completions import StoredCompletionRow
from infra.store.stored_completions import (
    CompletionFilter,
    completion_at,
    completions_of,
    delete_completion,
)

PARTS = frozenset({"text", "image_url"})
"""Parts of a message that OpenAI's shape shows."""


@dataclass(frozen=True)
class StoredCompletions:
    """What a caller does with them."""

    database: Database

    async def page(self, wanted: CompletionFilter, ask: PageAsk) -> Page[StoredCompletion]:
        """A part of those that fit. Raises ApiError for an unknown `after`."""
        after = None if ask.after is None else _job_id(ask.after)
        async with self.database.begin() as session:
            rows, has_more = await completions_of(
                session, wanted, limit=ask.limit, after=after or ask.after, order=ask.order
            )
        return page_of([shown(row) for row in rows], has_more, lambda one: one.id)

    async def find(self, caller: Caller, completion_id: str) -> StoredCompletion | None:
        """One of them, if it is stored. Raises DatabaseUnavailable."""
        job_id = _job_id(completion_id)
        if job_id is None:
            return None
        async with self.database.begin() as session:
            row = await completion_at(session, caller.tenant, job_id)
        return None if row is None else shown(row)

    async def change(self, caller: Caller, completion_id: str, change: MetadataChange) -> StoredCompletion:
        """Give one other metadata. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await _found(session, caller, completion_id, is_locked=True)
            row.meta = change.metadata or {}
            await session.flush()
        return shown(row)

    async def delete(self, caller: Caller, completion_id: str) -> None:
        """Delete one. Raises ApiError: 404."""
        async with self.database.begin() as session:
            row = await _found(session, caller, completion_id, is_locked=True)
            await delete_completion(session, row)

    async def messages(self, caller: Caller, completion_id: str, ask: PageAsk) -> Page[StoredMessage]:
        """What one was asked with, by place. Raises ApiError: 404, or 400 for an unknown `after`."""
        async with self.database.begin() as session:
            row = await _found(session, caller, completion_id)
        messages = _messages(row)
        if ask.order == "desc":
            messages.reverse()
        ids = [message.id for message in messages]
        if ask.after is not None and ask.after not in ids:
            raise ApiError(ErrorCode.INVALID_VALUE, "after must be an id from this list", param="after")
        begin = 0 if ask.after is None else ids.index(ask.after) + 1
        part = messages[begin : begin + ask.limit]
        return page_of(part, begin + ask.limit < len(messages), lambda message: message.id)


def shown(row: StoredCompletionRow) -> StoredCompletion:
    """A completion, as it was answered."""
    return StoredCompletion(**{**row.completion, "id": chat_id(row.job_id), "metadata": row.meta})


def _messages(row: StoredCompletionRow) -> list[StoredMessage]:
    asked = row.request.get("messages")
    return [
        _message(f"{chat_id(row.job_id)}-{number}", message)
        for number, message in enumerate(asked if isinstance(asked, list) else [])
    ]


def _message(message_id: str, message: dict[str, Any]) -> StoredMessage:  # OpenAI's wire
    content = message.get("content")
    parts = content if isinstance(content, list) else None
    if parts is not None:
        texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
        content = "".join(texts) if texts else None
        parts = [part for part in parts if part.get("type") in PARTS]
    return StoredMessage(**{**message, "id": message_id, "content": content, "content_parts": parts})


async def _found(
    session: Transaction, caller: Caller, completion_id: str, *, is_locked: bool = False
) -> StoredCompletionRow:
    job_id = _job_id(completion_id)
    row = None
    if job_id is not None:
        row = await completion_at(session, caller.tenant, job_id, is_locked=is_locked)
    if row is None:
        raise ApiError(ErrorCode.NOT_FOUND, "There is no such stored completion")
    return row


def _job_id(completion_id: str) -> str | None:
    """The job of an id such as `chatcmpl-01J...`."""
    job_id = job_id_of(completion_id)
    has_form = job_id is not None and is_ulid(job_id) and completion_id == CHAT_PREFIX + job_id
    return job_id if has_form else None
