"""A caller's shares: made, listed, revoked; and read by everybody who has the link."""

import re
import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime

from api_edge.conversations.finding import found_branch, found_conversation, found_item
from api_edge.media.links import Links
from api_edge.middleware.paging import PageAsk, page_of
from api_edge.shares.snapshot import Gathered, JsonObject, has_answer, title_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import SHARE, is_id, new_id
from contracts.media import media_ids, with_parts
from contracts.wire.lists import Page
from contracts.wire.shares import PublicShare, Share, ShareAsk, Snapshot
from infra.database import Database, Transaction
from infra.store.conversations import ConversationRow
from infra.store.items import items_of
from infra.store.media import STORED, media_of_all
from infra.store.shares import ShareRow, SharesOf, share_at, shares_of, view_share
from infra.store.turns import last_before

ALPHABET = string.ascii_letters + string.digits
SLUG_LENGTH = 22
"""Letters of 62: 131 bits, which nobody guesses."""
PATH = "/v1/public/shares/"
CHUNK = 100
"""Items that are read at once."""
_SLUG = re.compile(rf"[A-Za-z0-9]{{{SLUG_LENGTH}}}")


@dataclass(frozen=True)
class Shares:
    """What becomes of shares."""

    database: Database
    base_url: str
    """Under which clients reach this server."""
    links: Links
    """To the images of what is shared."""

    async def create(self, caller: Caller, conversation_id: str, ask: ShareAsk) -> Share:
        """Share a conversation as it is now. Raises ApiError: 404, 413, or 400 without an answer in it."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            row = await found_conversation(session, caller, conversation_id, is_locked=True)
            branch = await found_branch(session, row, ask.branch, param="branch")
            chosen = await _chosen(session, row, branch, ask)
            if not has_answer(chosen.items):
                message = "There is no answer to share yet"
                raise ApiError(ErrorCode.INVALID_VALUE, message, param="item_id" if ask.item_id else None)
            share = _new(caller, row, ask, branch, now)
            share.title = ask.title or row.title or title_of(chosen.items)
            share.snapshot = {
                "title": share.title,
                "model_name": chosen.model,
                "created_at": int(row.created_at.timestamp()),
                "items": chosen.items,
            }
            session.add(share)
        return self._view(share)

    async def page(self, caller: Caller, ask: PageAsk, *, includes_revoked: bool) -> Page[Share]:
        """A part of all of the caller's shares. Raises ApiError for an unknown `after`."""
        wanted = SharesOf(caller.tenant, includes_revoked=includes_revoked)
        async with self.database.begin() as session:
            return await self._page(session, wanted, ask)

    async def page_of_conversation(self, caller: Caller, conversation_id: str, ask: PageAsk) -> Page[Share]:
        """A part of a conversation's. Raises ApiError: 404, or 400 for an unknown `after`."""
        async with self.database.begin() as session:
            await found_conversation(session, caller, conversation_id)
            return await self._page(session, SharesOf(caller.tenant, conversation_id), ask)

    async def revoke(self, caller: Caller, share_id: str, conversation_id: str | None = None) -> None:
        """Let nobody read a share any more, from now on; again, it changes nothing. Raises ApiError: 404."""
        async with self.database.begin() as session:
            share = None
            if is_id(share_id, SHARE):
                share = await share_at(session, caller.tenant, share_id, conversation_id)
            if share is None:
                raise ApiError(ErrorCode.NOT_FOUND, "There is no such share")
            share.revoked_at = share.revoked_at or datetime.now(UTC)
            share.updated_at = share.revoked_at

    async def read(self, slug: str) -> PublicShare:
        """What everybody sees who has the link. Raises ApiError: 404, the same for a link that never was and
        for one that was revoked."""
        if not _SLUG.fullmatch(slug):
            raise _no_share()
        async with self.database.begin() as session:
            share = await view_share(session, slug, datetime.now(UTC))
            if share is None:
                raise _no_share()
            snapshot = await self._illustrated(session, share)
        return PublicShare(
            slug=share.slug,
            title=share.title,
            created_at=int(share.created_at.timestamp()),
            snapshot=snapshot,
        )

    async def _illustrated(self, session: Transaction, share: ShareRow) -> Snapshot:
        """What was shared, with links in the place of its owner's media, made anew by each reading. Words
        stand for what is gone."""
        snapshot = Snapshot(**share.snapshot)
        named = media_ids(snapshot.items)
        if not named:
            return snapshot
        rows = await media_of_all(session, share.tenant, named, datetime.now(UTC))
        parts: dict[str, JsonObject | str] = {
            one: {"type": "input_text", "text": f"[image {one} is no longer available]"} for one in named
        }
        parts |= {one: self.links.url(row) for one, row in rows.items() if row.state == STORED}
        return snapshot.model_copy(update={"items": with_parts(snapshot.items, parts)})

    async def _page(self, session: Transaction, wanted: SharesOf, ask: PageAsk) -> Page[Share]:
        rows, has_more = await shares_of(session, wanted, limit=ask.limit, after=ask.after, order=ask.order)
        return page_of([self._view(row) for row in rows], has_more, lambda share: share.id)

    def _view(self, row: ShareRow) -> Share:
        return Share(
            id=row.share_id,
            slug=row.slug,
            share_url=f"{self.base_url.rstrip('/')}{PATH}{row.slug}",
            conversation_id=row.conversation_id,
            item_id=row.item_id,
            title=row.title,
            view_count=row.view_count,
            revoked_at=_seconds(row.revoked_at),
            last_viewed_at=_seconds(row.last_viewed_at),
            share_options=row.options,
            created_at=int(row.created_at.timestamp()),
            updated_at=int(row.updated_at.timestamp()),
        )


def _no_share() -> ApiError:
    return ApiError(ErrorCode.NOT_FOUND, "There is no such share, or it was revoked")


async def _chosen(session: Transaction, row: ConversationRow, branch: str, ask: ShareAsk) -> Gathered:
    """What is shared, in its order. Raises ApiError: 404 for an unknown item, 413."""
    gathered = Gathered(has_images=ask.include_images)
    if ask.item_id is not None:
        item = await found_item(session, row, ask.item_id, param="item_id")
        question = None
        if ask.include_context_messages:
            question = await last_before(session, item, role="user")
        gathered.add([item] if question is None else [question, item])
        return gathered
    after: str | None = None
    has_more = True
    while has_more:
        rows, has_more = await items_of(session, row, branch, limit=CHUNK, after=after, order="asc")
        gathered.add(rows)
        after = rows[-1].item_id if rows else None
    return gathered


def _new(caller: Caller, row: ConversationRow, ask: ShareAsk, branch: str, now: datetime) -> ShareRow:
    return ShareRow(
        share_id=new_id(SHARE),
        slug="".join(secrets.choice(ALPHABET) for _ in range(SLUG_LENGTH)),
        conversation_id=row.conversation_id,
        tenant=caller.tenant,
        user_id=caller.user_id,
        item_id=ask.item_id,
        title="",
        snapshot={},
        options={
            "include_images": ask.include_images,
            "include_context_messages": ask.include_context_messages,
            "branch": branch,
        },
        created_at=now,
        updated_at=now,
    )


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
