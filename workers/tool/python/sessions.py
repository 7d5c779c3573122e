"""The files of sessions, in the object store, so that any worker can go on with them.

A session belongs to a user of a tenant: the same name of another is another session. One call at a time has
it; one whose worker was lost loses it when its time is over.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.errors import ApiError
from infra.database import Database
from infra.objects import ObjectMissing, ObjectStore
from infra.settings import SandboxSettings
from infra.store.sandbox_sessions import (
    expired_sessions,
    forget_sessions,
    hold_session,
    is_held,
    let_go_session,
)
from workers.tool.ports import Call, ToolFailed
from workers.tool.python.packing import BadPack, pack, unpack
from workers.tool.python.ports import Files

LEASE = timedelta(seconds=300)
"""For how long a call has a session at most: longer than any call may take."""
PAUSE = 0.1
"""Seconds between two looks whether a session is free."""
TYPE = "application/octet-stream"
BATCH = 100

log = logging.getLogger(__name__)


class TooLargeSession(Exception):
    """Its files are not kept."""


@dataclass
class Session:
    """The files of one session, while one call has it; None: it has had none."""

    files: Files | None


class Sessions:
    """All of them."""

    def __init__(self, settings: SandboxSettings, database: Database, objects: ObjectStore) -> None:
        self._settings = settings
        self._database = database
        self._objects = objects

    @asynccontextmanager
    async def held(self, call: Call, session_id: str) -> AsyncIterator[Session]:
        """Wait for it within the call's deadline, and have its files; those that the block puts in their
        place are kept by `keep`. Raises ApiError, or ToolFailed where its files cannot be read."""
        key = key_of(call.tenant, call.user_id, session_id)
        while (has_files := await self._hold(key, call.job_id)) is None:  # noqa: ASYNC110  a table tells nobody
            await asyncio.sleep(PAUSE)
        one = Session({} if has_files else None)
        try:
            if has_files:
                one.files = await self._read(key)
            yield one
        finally:
            await self._let_go(key, call.job_id, has_files=one.files is not None)

    async def keep(self, call: Call, session_id: str, files: Files) -> None:
        """Write its files. Raises TooLargeSession: it has its earlier ones still; ApiError."""
        packed = pack(files)
        if len(packed) > self._settings.session_bytes:
            raise TooLargeSession
        key = key_of(call.tenant, call.user_id, session_id)
        async with self._database.begin() as session:
            if not await is_held(session, key, call.job_id):
                raise ToolFailed("The session went on in another call meanwhile")
        await self._objects.put(key, packed, TYPE)

    async def sweep(self) -> int:
        """Remove those whose time is over; how many. Raises ApiError."""
        async with self._database.begin() as session:
            keys = await expired_sessions(session, datetime.now(UTC), BATCH)
            left = set(await self._objects.delete_all(keys))
            gone = [key for key in keys if key not in left]
            await forget_sessions(session, gone)
        return len(gone)

    async def _hold(self, key: str, holder: str) -> bool | None:
        now = datetime.now(UTC)
        async with self._database.begin() as session:
            return await hold_session(session, key, holder, now, now + LEASE)

    async def _let_go(self, key: str, holder: str, *, has_files: bool) -> None:
        expires_at = datetime.now(UTC) + timedelta(seconds=self._settings.session_seconds)
        async with self._database.begin() as session:
            await let_go_session(session, key, holder, has_files=has_files, expires_at=expires_at)

    async def _read(self, key: str) -> Files | None:
        try:
            return unpack(await self._objects.get(key), self._settings.files)
        except ObjectMissing:
            return None
        except BadPack as error:
            raise ToolFailed("The files of the session cannot be read; use another session_id") from error


def key_of(tenant: str, user_id: str, session_id: str) -> str:
    """Where the files of a session lie."""
    name = hashlib.sha256(f"{user_id}\0{session_id}".encode()).hexdigest()
    return f"sandbox/{tenant}/{name}"


@asynccontextmanager
async def swept(sessions: Sessions, pause: float) -> AsyncIterator[None]:
    """Sweep now and then, until the block ends."""
    task = asyncio.create_task(_sweep(sessions, pause))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep(sessions: Sessions, pause: float) -> None:
    while True:
        try:
            await sessions.sweep()
        except ApiError as error:
            log.warning("sessions_left", extra={"error": str(error)})
        await asyncio.sleep(pause)
