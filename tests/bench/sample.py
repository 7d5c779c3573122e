"""One measurement: a scenario's load on a target, what it cost each process, how quiet the machine was."""

import asyncio
import time
from dataclasses import dataclass

import psutil

from tests.bench.child import open_load
from tests.bench.machine import Busy, busy, calibrate
from tests.bench.plan import Line, Outcome
from tests.bench.processes import cpu_seconds, increase
from tests.bench.scenarios import Scenario
from tests.bench.target import Target

NOISY_STRANGERS = 0.2
"""CPUs taken by processes that are no part of the measurement."""
NOISY_CALIBRATION = 1.25
"""Slowness against the run's own median."""
LOOK_SECONDS = 0.5
"""Also the rest between two samples, so that one's commits and events don't fall into the next."""


class Sample(Line):
    """What was measured."""

    scenario: str
    target: str
    round: int
    outcome: Outcome
    cpu: dict[str, float]
    """CPU seconds of the target's processes, by part."""
    upstream_cpu: float
    seconds: float
    calibration_ms: float
    strangers: float
    """CPUs that others took, on average."""
    stolen: float
    """CPUs that the hypervisor took."""

    @property
    def product_cpu(self) -> float:
        """CPU seconds of the whole target."""
        return sum(self.cpu.values())

    def is_noisy(self, usual_calibration_ms: float) -> bool:
        """Whether others disturbed it."""
        is_slow = self.calibration_ms > NOISY_CALIBRATION * usual_calibration_ms
        return is_slow or self.strangers + self.stolen > NOISY_STRANGERS


@dataclass(frozen=True)
class Meter:
    """Everybody's CPU seconds at one moment."""

    at: float
    product: dict[str, float]
    upstream: float
    own: float
    machine: Busy


def read_meter(target: Target, upstream_pid: int | None) -> Meter:
    """Read the CPU times of the target, the upstream, this process and the machine."""
    return Meter(
        at=time.monotonic(),
        product=cpu_seconds(target.pids),
        upstream=sum(cpu_seconds([upstream_pid] if upstream_pid else []).values()),
        own=sum(psutil.Process().cpu_times()[:2]),
        machine=busy(),
    )


def strangers_between(before: Meter, after: Meter, others: float = 0.0) -> float:
    """CPUs that no part of the measurement took; `others` are CPU seconds of parts that no meter reads."""
    product = sum(increase(before.product, after.product).values())
    ours = product + after.upstream - before.upstream + after.own - before.own + others
    return max(0.0, (after.machine.used - before.machine.used - ours) / (after.at - before.at))


async def wait_for_quiet(target: Target, upstream_pid: int | None, patience: float) -> None:
    """Wait until strangers rest, but not longer than `patience` seconds; one look always happens."""
    until = time.monotonic() + patience
    while True:
        before = read_meter(target, upstream_pid)
        await asyncio.sleep(LOOK_SECONDS)
        noise = strangers_between(before, read_meter(target, upstream_pid))
        if noise < NOISY_STRANGERS or time.monotonic() > until:
            return


async def take_sample(
    scenario: Scenario, target: Target, upstream_pid: int | None, *, seconds: float, number: int
) -> Sample:
    """Measure once."""
    async with open_load(target.plan(scenario, seconds)) as load:
        calibration = calibrate()
        before = read_meter(target, upstream_pid)
        outcome = await load.run()
        after = read_meter(target, upstream_pid)
    elapsed = after.at - before.at
    return Sample(
        scenario=scenario.name,
        target=target.name,
        round=number,
        outcome=outcome,
        cpu=increase(before.product, after.product),
        upstream_cpu=round(after.upstream - before.upstream, 3),
        seconds=round(elapsed, 3),
        calibration_ms=round(calibration, 2),
        strangers=round(strangers_between(before, after, outcome.cpu_seconds), 3),
        stolen=round((after.machine.stolen - before.machine.stolen) / elapsed, 3),
    )
