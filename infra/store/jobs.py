"""The ledger: one row for each job, folded from its events, and how far each partition of them is folded.

Rows are written whole, many at once, as JSON: a batch of events costs one statement for its jobs. A rebuild
writes the same rows to a table beside, so the functions that write name their table.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Column, DateTime, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from contracts.story import Story
from contracts.wire.jobs import JobState, JobView
from infra.store.table import Table

JobsTable = Literal["jobs", "jobs_rebuilt"]
Change = Callable[[dict[str, Story]], Collection[str]]
"""Changes known jobs by their ids, in place, and adds new ones; which it changed."""
REBUILD_LOCK = 0x6A616E_726562
"""Advisory lock (a constant of our own) that is held while rows are rebuilt."""
DATA_EXCEPTION = "22"
"""SQLSTATE class of values that do not fit: too long, too large, or characters that there are not."""
STORIES: TypeAdapter[list[Story]] = TypeAdapter(list[Story])
_MOMENT: Any = DateTime(timezone=True)  # as SQLModel types its columns
_FIELDS = [known.name for known in fields(Story)]
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS if name != "job_id")


class JobRow(Table, table=True):
    """One job; the fields are those of a Story."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_queue", "lane", "job_id", postgresql_where=text("state = 'queued'")),
        Index("ix_jobs_tenant_job_id", "tenant", "job_id"),
    )

    job_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    tenant: str = Field(max_length=128)
    user_id: str | None = Field(default=None, max_length=128)
    kind: str | None = Field(default=None, max_length=32)
    lane: str | None = Field(default=None, max_length=32)
    model: str | None = Field(default=None, max_length=256)
    request_id: str | None = Field(default=None, max_length=128)
    state: str = Field(max_length=16)
    attempts: int
    redrives: int
    worker: str | None = Field(default=None, max_length=256)
    accepted_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    deadline: datetime | None = Field(default=None, sa_type=_MOMENT)
    claimed_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    first_frame_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    postponed_until: datetime | None = Field(default=None, sa_type=_MOMENT)
    ended_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    finish_reason: str | None = Field(default=None, max_length=256)
    input_tokens: int | None = Field(default=None, sa_type=BigInteger)
    output_tokens: int | None = Field(default=None, sa_type=BigInteger)
    cached_tokens: int | None = Field(default=None, sa_type=BigInteger)
    reasoning_tokens: int | None = Field(default=None, sa_type=BigInteger)
    usage_estimated: bool | None = None
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    timeline: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    key_id: str | None = Field(default=None, max_length=JOB_ID_LENGTH)
    micro_usd: int | None = Field(default=None, sa_type=BigInteger)
    is_cost_told: bool | None = None
    provider: str | None = Field(default=None, max_length=256)


class LedgerPosition(Table, table=True):
    """How far a partition of the events is folded: the offset of the next event."""

    __tablename__ = "ledger_positions"

    topic: str = Field(primary_key=True, max_length=249)
    partition: int = Field(primary_key=True)
    next_offset: int = Field(sa_type=BigInteger)


@dataclass(frozen=True)
class StoredJob:
    """A job, and whose it is."""

    tenant: str
    view: JobView


async def job_of(session: AsyncSession, job_id: str) -> StoredJob | None:
    """The job of this id, as far as its events are folded."""
    stories = await stories_of(session, [job_id])
    if not stories:
        return None
    story = stories[job_id]
    return StoredJob(story.tenant, story.view())


async def queue_position(session: AsyncSession, lane: str, job_id: str) -> int:
    """How many queued jobs of a lane were accepted before this one."""
    ahead = select(func.count()).where(
        col(JobRow.lane) == lane, col(JobRow.state) == JobState.QUEUED, col(JobRow.job_id) < job_id
    )
    return (await session.exec(ahead)).one()


async def lane_counts(session: AsyncSession) -> dict[str, dict[JobState, int]]:
    """How many jobs of each lane have not ended, by their state."""
    open_jobs = select(JobRow.lane, JobRow.state, func.count()).where(col(JobRow.ended_at).is_(None))
    counts: dict[str, dict[JobState, int]] = {}
    for lane, state, count in await session.exec(open_jobs.group_by(col(JobRow.lane), col(JobRow.state))):
        counts.setdefault(lane or "unknown", {})[JobState(state)] = count
    return counts


async def stories_of(
    session: AsyncSession, job_ids: Sequence[str], table: JobsTable = "jobs"
) -> dict[str, Story]:
    """Those of the jobs that are known."""
    rows = f"SELECT to_jsonb(j) FROM {table} j WHERE job_id = ANY(:ids)"  # noqa: S608  our own names
    query = text(f"SELECT coalesce(jsonb_agg(r), '[]')::text FROM ({rows}) AS found(r)")  # noqa: S608
    found = (await (await session.connection()).execute(query, {"ids": list(job_ids)})).scalar_one()
    return {story.job_id: story for story in STORIES.validate_json(found)}


async def change_stories(
    session: AsyncSession, job_ids: Sequence[str], change: Change, table: JobsTable = "jobs"
) -> list[str]:
    """Read these jobs, change them, write what changed; the jobs whose rows the database refused."""
    stories = await stories_of(session, job_ids, table)
    changed = change(stories)
    return await save_stories(session, [stories[job_id] for job_id in sorted(changed)], table)


async def save_stories(
    session: AsyncSession, stories: Sequence[Story], table: JobsTable = "jobs"
) -> list[str]:
    """Write these rows whole, new ones and known ones alike; the jobs whose rows the database refused.

    A row that does not fit its columns must not keep the others out: where all can't be written at once, the
    halves are, down to the one.
    """
    try:
        async with (await session.connection()).begin_nested():
            await _write(session, stories, table)
    except DBAPIError as error:
        if not str(getattr(error.orig, "sqlstate", "")).startswith(DATA_EXCEPTION):
            raise
    else:
        return []
    if len(stories) == 1:
        return [stories[0].job_id]
    half = len(stories) // 2
    first = await save_stories(session, stories[:half], table)
    return first + await save_stories(session, stories[half:], table)


async def _write(session: AsyncSession, stories: Sequence[Story], table: JobsTable) -> None:
    statement = text(
        f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb)) "  # noqa: S608
        f"ON CONFLICT (job_id) DO UPDATE SET {_CHANGES}"
    )
    rows = STORIES.dump_json(list(stories), exclude_none=True).decode()
    await (await session.connection()).execute(statement, {"rows": rows})


async def lock_positions(session: AsyncSession, topic: str, partitions: Collection[int]) -> dict[int, int]:
    """The next offsets of these partitions, which nobody else moves until this transaction ends."""
    locked = await _locked(session, topic, partitions)
    if missing := [partition for partition in sorted(partitions) if partition not in locked]:
        begin = (
            "INSERT INTO ledger_positions SELECT :topic, unnest(CAST(:partitions AS int[])), 0 "
            "ON CONFLICT DO NOTHING"
        )
        await (await session.connection()).execute(text(begin), {"topic": topic, "partitions": missing})
        locked = await _locked(session, topic, partitions)
    return locked


async def _locked(session: AsyncSession, topic: str, partitions: Collection[int]) -> dict[int, int]:
    lock = (
        "SELECT partition, next_offset FROM ledger_positions "
        "WHERE topic = :topic AND partition = ANY(:partitions) ORDER BY partition FOR UPDATE"
    )
    wanted = {"topic": topic, "partitions": list(partitions)}
    rows = await (await session.connection()).execute(text(lock), wanted)
    return {row.partition: row.next_offset for row in rows}


async def move_positions(session: AsyncSession, topic: str, positions: Mapping[int, int]) -> None:
    """These partitions are folded up to there."""
    move = (
        "UPDATE ledger_positions p SET next_offset = n.next "
        "FROM unnest(CAST(:partitions AS int[]), CAST(:nexts AS bigint[])) AS n(partition, next) "
        "WHERE p.topic = :topic AND p.partition = n.partition"
    )
    places = {"partitions": list(positions.keys()), "nexts": list(positions.values())}
    await (await session.connection()).execute(text(move), {"topic": topic, **places})


async def positions_of(session: AsyncSession, topic: str) -> dict[int, int]:
    """How far each partition is folded."""
    found = await session.exec(select(LedgerPosition).where(col(LedgerPosition.topic) == topic))
    return {row.partition: row.next_offset for row in found}


async def sweep_jobs(session: AsyncSession, before_id: str, most: int) -> int:
    """Delete at most so many jobs whose id is older; how many there were."""
    oldest = "SELECT job_id FROM jobs WHERE job_id < :before ORDER BY job_id LIMIT :most"
    statement = text(f"DELETE FROM jobs WHERE job_id IN ({oldest})")  # noqa: S608
    result = await (await session.connection()).execute(statement, {"before": before_id, "most": most})
    return int(result.rowcount)


async def lock_rebuild(session: AsyncSession) -> bool:
    """Whether nobody else rebuilds; and nobody does until this transaction ends."""
    lock = text("SELECT pg_try_advisory_xact_lock(:lock)")
    return bool((await (await session.connection()).execute(lock, {"lock": REBUILD_LOCK})).scalar_one())


async def begin_rebuild(session: AsyncSession) -> None:
    """An empty table beside the ledger's."""
    connection = await session.connection()
    await connection.execute(text("DROP TABLE IF EXISTS jobs_rebuilt"))
    await connection.execute(text("CREATE TABLE jobs_rebuilt (LIKE jobs INCLUDING ALL)"))


async def end_rebuild(session: AsyncSession) -> int:
    """The rebuilt rows take the places of those of the same jobs; how many differed.

    A job whose acceptance the topic does not hold any more keeps the row that it had. A job that used the
    same keeps its price: prices change. Where it used something else, the difference is added to the usage.
    """
    connection = await session.connection()
    await connection.execute(
        text(
            "DELETE FROM jobs_rebuilt r USING jobs j WHERE j.job_id = r.job_id AND r.accepted_at IS NULL "
            "AND j.accepted_at IS NOT NULL"
        )
    )
    await connection.execute(text(_KEEP_PRICES))
    await connection.execute(text(_CORRECT_USAGE))
    result = await connection.execute(
        text(
            f"INSERT INTO jobs AS j SELECT * FROM jobs_rebuilt ON CONFLICT (job_id) DO UPDATE SET {_CHANGES} "  # noqa: S608
            "WHERE (j.*) IS DISTINCT FROM (excluded.*)"
        )
    )
    await connection.execute(text("DROP TABLE jobs_rebuilt"))
    return int(result.rowcount)


_KEEP_PRICES = """
UPDATE jobs_rebuilt r SET micro_usd = j.micro_usd FROM jobs j WHERE j.job_id = r.job_id
  AND r.is_cost_told IS NOT TRUE AND (j.model, j.input_tokens, j.output_tokens)
    IS NOT DISTINCT FROM (r.model, r.input_tokens, r.output_tokens)
"""
_CORRECT_USAGE = """
WITH counted AS (
  SELECT 1 AS sign, r.* FROM jobs_rebuilt r JOIN jobs j USING (job_id)
  UNION ALL SELECT -1, j.* FROM jobs j JOIN jobs_rebuilt r USING (job_id)
), differing AS (
  SELECT tenant, coalesce(key_id, '') AS key_id, (ended_at AT TIME ZONE 'UTC')::date AS day,
    sum(sign * input_tokens) AS inputs, sum(sign * coalesce(output_tokens, 0)) AS outputs,
    sum(sign * coalesce(micro_usd, 0)) AS costs
  FROM counted WHERE ended_at IS NOT NULL AND input_tokens IS NOT NULL GROUP BY 1, 2, 3
)
INSERT INTO daily_usage AS u (tenant, key_id, day, input_tokens, output_tokens, micro_usd, changes)
SELECT tenant, key_id, day, inputs, outputs, costs, 1 FROM differing
WHERE inputs <> 0 OR outputs <> 0 OR costs <> 0 ORDER BY tenant, key_id, day
ON CONFLICT (tenant, key_id, day) DO UPDATE SET input_tokens = u.input_tokens + excluded.input_tokens,
  output_tokens = u.output_tokens + excluded.output_tokens, micro_usd = u.micro_usd + excluded.micro_usd,
  changes = u.changes + 1
"""
"""Of jobs that the ledger has: those that were swept are counted already."""
