"""Steps of responses: model turns and calls of tools, each a job of its own; and what they send out.

The outbox holds what a step's transaction decided to send: records for Kafka, and frames for the response's
log. It is sent after the commit and deleted then; whoever takes the next step sends what a dead one left.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, LargeBinary, delete, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from infra.store.responses import ResponseRow
from infra.store.table import Table

Json = Any  # what a step's kind tells

RUNNING = "running"
TURN, TOOL = "turn", "tool"


class ResponseStepRow(Table, table=True):
    """One step. Its number is its place in the response: a turn, then the calls that it made."""

    __tablename__ = "response_steps"
    __table_args__ = (Index("ix_response_steps_job_id", "job_id"),)

    response_id: str = Field(
        foreign_key=f"{ResponseRow.__tablename__}.response_id",
        ondelete="CASCADE",
        primary_key=True,
        max_length=64,
    )
    number: int = Field(primary_key=True)
    kind: str = Field(max_length=8)
    """`turn` or `tool`."""
    turn: int
    """The turn that it is, or belongs to."""
    job_id: str = Field(max_length=JOB_ID_LENGTH)
    about: dict[str, Json] = Field(sa_column=Column(JSONB, nullable=False))
    """Of a turn: its TurnPlan; of a tool: the Called."""
    status: str = Field(default=RUNNING, max_length=16)
    """`running`, `completed`, `failed` or `cancelled`."""
    outcome: dict[str, Json] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    """Of a turn: the TurnOutcome."""
    error: str | None = None
    started_at: datetime = Field(sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    deadline: datetime = Field(sa_type=DateTime(timezone=True))


class OutboxRow(Table, table=True):
    """Something that is to be sent."""

    __tablename__ = "response_outbox"
    __table_args__ = (Index("ix_response_outbox_response_id", "response_id", "number"),)

    number: int | None = Field(
        default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True)
    )
    response_id: str = Field(
        foreign_key=f"{ResponseRow.__tablename__}.response_id", ondelete="CASCADE", max_length=64
    )
    topic: str | None = Field(default=None, max_length=128)
    """None: these are frames."""
    key: str = Field(max_length=64)
    payload: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_seq: int = Field(default=0, sa_column=Column(Integer, nullable=False))
    """Of frames: their place in the log."""


async def steps_of_turn(session: AsyncSession, response_id: str, turn: int) -> list[ResponseStepRow]:
    """The steps of a turn: itself, and the calls that it made, in order."""
    rows = select(ResponseStepRow).where(
        col(ResponseStepRow.response_id) == response_id, col(ResponseStepRow.turn) == turn
    )
    return list((await session.exec(rows.order_by(col(ResponseStepRow.number)))).all())


async def steps_of(session: AsyncSession, response_id: str) -> list[ResponseStepRow]:
    """Every step, in order."""
    rows = select(ResponseStepRow).where(col(ResponseStepRow.response_id) == response_id)
    return list((await session.exec(rows.order_by(col(ResponseStepRow.number)))).all())


async def step_of_job(session: AsyncSession, response_id: str, job_id: str) -> ResponseStepRow | None:
    """The step of a response that a job does."""
    rows = select(ResponseStepRow).where(
        col(ResponseStepRow.response_id) == response_id, col(ResponseStepRow.job_id) == job_id
    )
    return (await session.exec(rows)).first()


async def end_turn(
    session: AsyncSession, response_id: str, job_id: str, outcome: dict[str, Json], now: datetime
) -> bool:
    """Write down what a turn came to, unless that is written or it was given up; whether this did so."""
    rows = update(ResponseStepRow).where(
        col(ResponseStepRow.response_id) == response_id,
        col(ResponseStepRow.job_id) == job_id,
        col(ResponseStepRow.outcome).is_(None),
        col(ResponseStepRow.status) == RUNNING,
    )
    return bool((await session.exec(rows.values(outcome=outcome, ended_at=now))).rowcount)


async def waiting_in_outbox(session: AsyncSession, response_id: str) -> Sequence[OutboxRow]:
    """What is to be sent of a response, in order."""
    rows = select(OutboxRow).where(col(OutboxRow.response_id) == response_id)
    return (await session.exec(rows.order_by(col(OutboxRow.number)))).all()


async def sent_from_outbox(session: AsyncSession, numbers: Collection[int]) -> None:
    """These were sent."""
    await session.exec(delete(OutboxRow).where(col(OutboxRow.number).in_(numbers)))
