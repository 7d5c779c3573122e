"""The tables that a run prints."""

from rich.table import Table

from tests.bench.figures import Spread, short
from tests.bench.goals import Verdict
from tests.bench.memory import Memory
from tests.bench.processes import KIB
from tests.bench.summary import Comparison, Row

NONE = "-"
MICROSECONDS = 1_000_000


def latency_table(comparisons: list[Comparison]) -> Table:
    """Streams: time to the first token, and each token's way."""
    table = _table(
        "Streams: time to first token, ms (lowest and highest round)",
        "direct p50",
        "product p50",
        "added p50",
        "direct p99",
        "product p99",
        "added p99",
        "token's way p50, p99",
        "pace",
        "errors",
    )
    for one in comparisons:
        if one.scenario.is_stream:
            table.add_row(*_latency_cells(one))
    return table


def _latency_cells(one: Comparison) -> list[str]:
    direct, product = one.direct, one.product
    return [
        _name(product),
        _spread(direct.latency_p50),
        _spread(product.latency_p50),
        _spread(one.added_p50),
        _number(direct.latency_p99),
        _number(product.latency_p99),
        _number(one.added_p99),
        f"{_median(product.transit_p50)}, {_median(product.transit_p99)}",
        _median(product.pace),
        str(direct.errors + product.errors),
    ]


def speed_table(comparisons: list[Comparison]) -> Table:
    """Answers and tokens a second."""
    table = _table(
        "Speed (lowest and highest round)",
        "direct",
        "product",
        "ratio",
        "product p50 ms",
        "product p99 ms",
        "errors",
    )
    for one in comparisons:
        if one.scenario.kind != "paced":
            table.add_row(*_speed_cells(one))
    return table


def _speed_cells(one: Comparison) -> list[str]:
    is_requests = one.scenario.kind == "requests"
    direct = one.direct.requests_per_second if is_requests else one.direct.tokens_per_second
    product = one.product.requests_per_second if is_requests else one.product.tokens_per_second
    return [
        f"{_name(one.product)}, {'requests' if is_requests else 'tokens'}/s",
        _spread(direct),
        _spread(product),
        _ratio(direct, product),
        _spread(one.product.latency_p50),
        _number(one.product.latency_p99),
        str(one.direct.errors + one.product.errors),
    ]


def cpu_table(comparisons: list[Comparison]) -> Table:
    """CPU seconds by process, for 1,000 requests or 100,000 tokens."""
    title = "CPU seconds for 1,000 requests (rps) or 100,000 tokens (others), all processes of the product"
    table = _table(title, *(one.scenario.name for one in comparisons))
    parts = sorted({part for one in comparisons for part in one.product.cpu_parts})
    for part in parts:
        table.add_row(part, *(_number(one.product.cpu_parts.get(part)) for one in comparisons))
    if parts:
        table.add_section()
        table.add_row("all", *(_spread(one.product.cpu) for one in comparisons))
    return table


def floor_table(comparisons: list[Comparison]) -> Table:
    """What measuring itself costs, in microseconds of CPU for a request or a token."""
    table = _table(
        "The bench's own CPU, us for a request (rps) or a token (others)",
        "upstream direct",
        "upstream with product",
        "load direct",
        "load with product",
    )
    for one in comparisons:
        rows = one.direct.upstream_cpu, one.product.upstream_cpu, one.direct.load_cpu, one.product.load_cpu
        table.add_row(one.scenario.name, *(_micro(one, cost) for cost in rows))
    return table


def memory_table(memory: Memory) -> Table:
    """What idle streams hold."""
    title = f"Memory (PSS) with {memory.streams} idle streams"
    table = _table(title, "before, MiB", "held, MiB", "after, MiB", "KiB a stream")
    for part in sorted(memory.held):
        figures = (memory.before.get(part, 0), memory.held[part], memory.after.get(part, 0))
        table.add_row(part, *map(_mebibytes, figures), short(memory.kib_per_stream(part)))
    table.add_section()
    totals = [sum(parts.values()) for parts in (memory.before, memory.held, memory.after)]
    table.add_row("all", *map(_mebibytes, totals), short(memory.kib_per_stream()))
    return table


def goal_table(verdicts: list[Verdict]) -> Table:
    """Each goal, and whether it is met."""
    table = _table("Goals", "at most", "measured", "met")
    for verdict in verdicts:
        goal = verdict.goal
        met = "[green]yes[/]" if verdict.is_met else "[red]no[/]"
        table.add_row(goal.what, f"{goal.limit:g} {goal.unit}", f"{short(verdict.value)} {goal.unit}", met)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", min_width=len(title))
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _name(row: Row) -> str:
    return row.scenario.name + (f" [yellow]({row.noisy}/{row.rounds} noisy)[/]" if row.noisy else "")


def _spread(value: Spread | None) -> str:
    return NONE if value is None else str(value)


def _median(value: Spread | None) -> str:
    return NONE if value is None else short(value.median)


def _number(value: float | None) -> str:
    return NONE if value is None else short(value)


def _ratio(direct: Spread | None, product: Spread | None) -> str:
    return NONE if direct is None or product is None else short(product.median / direct.median)


def _micro(one: Comparison, cost: Spread | None) -> str:
    return NONE if cost is None else short(cost.median * MICROSECONDS / one.scenario.unit[1])


def _mebibytes(value: float) -> str:
    return short(value / KIB / KIB)
