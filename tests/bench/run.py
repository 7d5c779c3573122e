"""One run: every scenario in several rounds, the upstream itself and the product by turns."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.child import open_load
from tests.bench.memory import Memory, measure_memory
from tests.bench.plan import Line
from tests.bench.sample import Sample, take_sample, wait_for_quiet
from tests.bench.scenarios import IDLE, WARM_UP, Scenario, chosen
from tests.bench.target import Target, TargetError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to run."""

    rounds: int = 3
    is_quick: bool = False
    only: list[str] = field(default_factory=list)
    warm_seconds: float = 3.0
    patience: float = 0.0
    """Seconds that a sample may wait for a quiet machine."""

    @property
    def has_memory(self) -> bool:
        """Whether idle streams are measured."""
        return not self.only or IDLE.name in self.only


@dataclass(frozen=True)
class Sides:
    """What is compared."""

    upstream: Target
    upstream_pid: int | None
    product: Target


class Results(Line):
    """Everything that was measured."""

    samples: list[Sample]
    memory: Memory | None = None
    seconds: float = 0.0

    @property
    def error_count(self) -> int:
        """Answers that were not as they must be, of all targets."""
        held = sum(self.memory.errors.values()) if self.memory else 0
        return held + sum(sample.outcome.error_count for sample in self.samples)


async def run_all(sides: Sides, options: Options, say: Say) -> Results:
    """Warm up, then measure."""
    began = time.monotonic()
    await _warm_up(sides.product, options, say)
    memory = await _memory(sides, say) if options.has_memory else None
    samples = []
    scenarios = chosen(options.only)
    for number in range(options.rounds):
        for place, scenario in enumerate(scenarios):
            for target in _order(sides, is_turned=(number + place) % 2 == 1):
                sample = await _sample(sides, options, (scenario, target, number))
                say(_line(sample))
                samples.append(sample)
    return Results(samples=samples, memory=memory, seconds=round(time.monotonic() - began, 1))


async def _warm_up(target: Target, options: Options, say: Say) -> None:
    for scenario in WARM_UP:
        say(scenario.name)
        async with open_load(target.plan(scenario, options.warm_seconds)) as load:
            outcome = await load.run()
        if outcome.errors:
            raise TargetError(f"{outcome.errors} while warming up; such as {outcome.examples}")


async def _memory(sides: Sides, say: Say) -> Memory:
    memory = await measure_memory(IDLE, sides.product, sides.upstream)
    errors = f", errors {memory.errors}" if memory.errors else ""
    say(f"{IDLE.name:9} {memory.kib_per_stream():.1f} KiB for each of {memory.streams} streams{errors}")
    return memory


def _order(sides: Sides, *, is_turned: bool) -> tuple[Target, Target]:
    """ABBA: what drifts over the run meets both sides alike."""
    pair = (sides.upstream, sides.product)
    return pair[::-1] if is_turned else pair


async def _sample(sides: Sides, options: Options, what: tuple[Scenario, Target, int]) -> Sample:
    scenario, target, number = what
    await wait_for_quiet(sides.product, sides.upstream_pid, options.patience)
    seconds = scenario.quick_seconds if options.is_quick else scenario.seconds
    return await take_sample(scenario, target, sides.upstream_pid, seconds=seconds, number=number)


def _line(sample: Sample) -> str:
    outcome = sample.outcome
    errors = f", {outcome.error_count} errors {outcome.errors} {outcome.examples}" if outcome.errors else ""
    return (
        f"{sample.scenario:9} round {sample.round + 1} {sample.target:8} {outcome.requests:6} answers in "
        f"{outcome.seconds:.1f} s, {sample.product_cpu:.2f} CPU s, strangers {sample.strangers:.2f}{errors}"
    )
