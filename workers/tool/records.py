"""The records of calls, in PostgreSQL: one transaction for each change."""

from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from contracts.envelope import Envelope
from contracts.jobs import ToolJob
from contracts.tools.spec import ToolResult
from infra.database import Database
from infra.store.tool_calls import Ended, Status, ToolCallRow, begin_call, end_call
from workers.tool.ports import JsonObject

MOST_KEPT = 256 * 1024
"""Bytes of arguments, and of a result, that a record keeps."""
NUL = "\x00"
"""What PostgreSQL's jsonb does not take."""


class CallRecords:
    """Begins and ends them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, envelope: Envelope[ToolJob], attempt: int, arguments: JsonObject
    ) -> ToolCallRow | None:
        """Write down that a call begins; what an earlier attempt wrote, where one did so. Raises ApiError."""
        job = envelope.job
        row = ToolCallRow(
            job_id=envelope.job_id,
            tenant=envelope.tenant,
            user_id=envelope.caller.user_id,
            tool=job.tool,
            response_id=job.response_id,
            call_id=job.call_id,
            attempt=attempt,
            arguments=_kept(arguments),
            started_at=datetime.now(UTC),
        )
        async with self._database.begin() as session:
            return await begin_call(session, row)

    async def end(
        self, job_id: str, attempt: int, status: Status, seconds: float, *,
        result: ToolResult | None = None, error: str | None = None,
    ) -> None:  # fmt: skip
        """Write down how it ended, unless that is written. Raises ApiError."""
        ended = Ended(
            status=status,
            at=datetime.now(UTC),
            duration_ms=round(seconds * 1000),
            result=None if result is None else _kept(result.model_dump(mode="json")),
            error=error,
        )
        async with self._database.begin() as session:
            await end_call(session, job_id, attempt, ended)


def _kept(value: dict[str, Any]) -> dict[str, Any] | None:  # JSON
    """What a record keeps of a JSON object: all of it, or nothing."""
    return None if len(to_json(value)) > MOST_KEPT else _without_nul(value)


def _without_nul(value: Any) -> Any:  # any JSON
    match value:
        case str():
            return value.replace(NUL, "�")
        case dict():
            return {_without_nul(name): _without_nul(one) for name, one in value.items()}
        case list():
            return [_without_nul(one) for one in value]
        case _:
            return value
