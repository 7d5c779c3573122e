"""Usage: what each tenant used, by API key and day. Written with the ledger, kept when its jobs are swept."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import BigInteger, text
from sqlmodel import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import JOB_ID_LENGTH
from contracts.story import Charge
from infra.store.table import Table


class UsageRow(Table, table=True):
    """One tenant's use on one day, UTC, by the end of the jobs."""

    __tablename__ = "daily_usage"

    tenant: str = Field(primary_key=True, max_length=128)
    key_id: str = Field(primary_key=True, max_length=JOB_ID_LENGTH)
    """Empty for what no API key asked for."""
    day: date = Field(primary_key=True)
    input_tokens: int = Field(sa_type=BigInteger)
    output_tokens: int = Field(sa_type=BigInteger)
    micro_usd: int = Field(sa_type=BigInteger)
    changes: int = Field(sa_type=BigInteger)
    """Only rises: of two sums over the same rows, the one with more changes is the later."""


class DayUse(NamedTuple):
    """What a tenant used on a day, by all keys and without one."""

    day: date
    input_tokens: int
    output_tokens: int
    micro_usd: int


async def usage_between(session: AsyncSession, tenant: str, first: date, last: date) -> list[DayUse]:
    """A tenant's days of use from the first to the last, both included; a day without any is left out."""
    values = {"tenant": tenant, "first": first, "last": last}
    rows = await (await session.connection()).execute(text(_BETWEEN), values)
    return [
        DayUse(row.day, int(row.input_tokens), int(row.output_tokens), int(row.micro_usd)) for row in rows
    ]


async def add_usage(session: AsyncSession, charges: Iterable[Charge]) -> None:
    """Count these. Rows are locked in one order, so that two writers never wait for each other."""
    sums: dict[tuple[str, str, date], list[int]] = {}
    for charge in charges:
        row = sums.setdefault((charge.tenant, charge.key_id, charge.day), [0, 0, 0, 0])
        for at, number in enumerate((charge.input_tokens, charge.output_tokens, charge.micro_usd, 1)):
            row[at] += number
    if not sums:
        return
    rows = sorted(sums)
    numbers = [sums[row] for row in rows]
    values: dict[str, Sequence[object]] = {
        "tenants": [row[0] for row in rows],
        "keys": [row[1] for row in rows],
        "days": [row[2] for row in rows],
    }
    for at, name in enumerate(("inputs", "outputs", "costs", "changes")):
        values[name] = [number[at] for number in numbers]
    await (await session.connection()).execute(text(_ADD), values)


_ADD = """
INSERT INTO daily_usage AS u (tenant, key_id, day, input_tokens, output_tokens, micro_usd, changes)
SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:keys AS text[]), CAST(:days AS date[]),
  CAST(:inputs AS bigint[]), CAST(:outputs AS bigint[]), CAST(:costs AS bigint[]), CAST(:changes AS bigint[]))
ON CONFLICT (tenant, key_id, day) DO UPDATE SET input_tokens = u.input_tokens + excluded.input_tokens,
  output_tokens = u.output_tokens + excluded.output_tokens, micro_usd = u.micro_usd + excluded.micro_usd,
  changes = u.changes + excluded.changes
"""
_BETWEEN = """
SELECT day, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(micro_usd) AS micro_usd
FROM daily_usage WHERE tenant = :tenant AND day BETWEEN :first AND :last GROUP BY day ORDER BY day
"""
