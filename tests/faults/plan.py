"""What a run asks for and what it breaks, drawn from a seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tests.faults.history import Ask

RATE = 10.0
"""Jobs per second: two cores carry the load, the servers and their restarts."""
SECONDS_PER_KILL = 9.0
"""Time between kills, in which a rebalance of a dead worker can end or be met by the next kill."""
QUIET = 4.0
"""Seconds at the beginning and the end of the load without a kill."""
TENANTS = 4
LENGTHS: Sequence[tuple[float, range, float]] = (
    (0.60, range(3, 16), 0.02),
    (0.28, range(20, 61), 0.045),
    (0.10, range(80, 161), 0.06),
    (0.02, range(200, 321), 0.08),
)
"""How many of the asks have how many tokens, and the seconds between these."""
STREAMED, KEYED, LEAVING, CANCELLING = 0.75, 0.5, 0.08, 0.03


class Act(StrEnum):
    """Something that is broken."""

    KILL_WORKER = "kill worker"
    KILL_EDGE = "kill edge"
    KILL_VALKEY = "kill valkey"
    KILL_KAFKA = "kill kafka"
    KILL_POSTGRES = "kill postgres"
    KILL_LEDGER = "kill ledger"
    STOP_WORKER = "stop worker"
    """SIGSTOP for longer than its lease and its session."""
    RESET_KAFKA = "reset kafka"
    """RST for every connection to the broker."""
    RESET_VALKEY = "reset valkey"


KILLS: Sequence[tuple[Act, int]] = (
    (Act.KILL_WORKER, 8),
    (Act.KILL_EDGE, 5),
    (Act.KILL_VALKEY, 2),
    (Act.KILL_KAFKA, 2),
    (Act.KILL_LEDGER, 2),
    (Act.KILL_POSTGRES, 1),
)
"""Of twenty."""
OTHERS = (Act.STOP_WORKER, Act.RESET_KAFKA, Act.RESET_VALKEY)
"""For every five kills, one of each."""


@dataclass(frozen=True)
class Options:
    """One run."""

    jobs: int = 2_000
    kills: int = 20
    seed: int = 1
    broker: Literal["kafka", "tansu"] = "kafka"

    @property
    def seconds(self) -> float:
        """How long the load lasts."""
        return max(self.jobs / RATE, self.kills * SECONDS_PER_KILL + 2 * QUIET)


@dataclass(frozen=True)
class Strike:
    """One act at its time."""

    at: float
    """Seconds from the beginning of the load."""
    act: Act
    victim: int
    """Which of several; taken modulo their number."""
    pause: float
    """Seconds until the dead is started again."""

    @property
    def is_kill(self) -> bool:
        """Whether a process dies."""
        return self.act.startswith("kill")


def asks_of(options: Options) -> list[Ask]:
    """What the clients of a run want, in order."""
    draw = random.Random(options.seed)  # noqa: S311  repeatable, not secret
    return [_ask(draw, options.seed, number) for number in range(options.jobs)]


def strikes_of(options: Options) -> list[Strike]:
    """What is broken in a run, in order of time."""
    draw = random.Random(options.seed + 1)  # noqa: S311  repeatable, not secret
    acts = list(_acts(draw, options))
    room = options.seconds - 2 * QUIET
    step = room / max(len(acts), 1)
    return [
        Strike(
            at=QUIET + step * (number + draw.random()),
            act=act,
            victim=draw.randrange(6),
            pause=draw.uniform(0.0, 2.0),
        )
        for number, act in enumerate(acts)
    ]


def _ask(draw: random.Random, seed: int, number: int) -> Ask:
    shares = [share for share, _, _ in LENGTHS]
    ((_, tokens, gap),) = draw.choices(LENGTHS, shares)
    count, is_stream = draw.choice(tokens), draw.random() < STREAMED
    leaves, cancels = draw.random() < LEAVING, draw.random() < CANCELLING
    return Ask(
        number=number,
        tenant=draw.randrange(TENANTS),
        word=f"w{number}x",
        tokens=count,
        gap=gap * draw.uniform(0.5, 1.0),
        is_stream=is_stream,
        lane=draw.choices(["default", "priority", "flex"], [0.8, 0.1, 0.1])[0],
        key=f"key-{seed}-{number}" if draw.random() < KEYED else None,
        leaves_after=draw.randrange(1, count) if is_stream and leaves else None,
        cancels_after=draw.randrange(1, count) if is_stream and cancels and not leaves else None,
    )


def _acts(draw: random.Random, options: Options) -> Iterator[Act]:
    """The kills in their proportions, the other acts among them."""
    total = sum(share for _, share in KILLS)
    kills = [act for act, share in KILLS for _ in range(-(-share * options.kills // total))]
    draw.shuffle(kills)
    acts = kills[: options.kills] + list(OTHERS) * (options.kills // 5)
    draw.shuffle(acts)
    yield from (act for act in acts if options.broker == "kafka" or act not in _OF_KAFKA)


_OF_KAFKA = frozenset({Act.KILL_KAFKA, Act.RESET_KAFKA})
"""The fallback broker keeps its records in memory, and stands behind no proxy."""
