"""Idempotency keys and kept results in memory."""

import asyncio
from datetime import UTC, datetime, timedelta

from api_edge.idempotency.key import compare
from contracts.errors import ApiError, ErrorCode
from infra.store.idempotency import IdempotencyRow, Keyed


class MemoryKeys:
    """Idempotency keys in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], IdempotencyRow] = {}
        self.is_down = False
        self.holders_are_dead = False
        """Whether a row that nobody accepted is taken over."""

    async def hold(self, keyed: Keyed, job_id: str) -> IdempotencyRow:
        if self.is_down:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "down")
        name = (keyed.tenant, keyed.user_id, keyed.key)
        while (row := self.rows.get(name)) is not None:
            compare(keyed, row)
            if row.is_settled or self.holders_are_dead:
                return row
            await asyncio.sleep(0)
        self.rows[name] = _row(keyed, job_id)
        return self.rows[name]

    async def drop(self, row: IdempotencyRow) -> None:
        del self.rows[row.tenant, row.user_id, row.key]

    def accept(self, row: IdempotencyRow) -> None:
        self.rows[row.tenant, row.user_id, row.key].accepted_at = datetime.now(UTC)


class MemoryResults:
    """Frames of jobs that have ended, by job and tenant."""

    def __init__(self) -> None:
        self.frames: dict[tuple[str, str], list[bytes]] = {}
        self.is_down = False

    async def of(self, job_id: str, tenant: str) -> list[bytes] | None:
        if self.is_down:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "down")
        return self.frames.get((job_id, tenant))


def _row(keyed: Keyed, job_id: str) -> IdempotencyRow:
    now = datetime.now(UTC)
    return IdempotencyRow(
        tenant=keyed.tenant,
        user_id=keyed.user_id,
        key=keyed.key,
        fingerprint=keyed.fingerprint,
        holder=job_id,
        held_at=now,
        created_at=now,
        expires_at=now + timedelta(days=1),
        job_id=job_id,
    )
