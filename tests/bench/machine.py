"""How quiet the machine is: the speed of a fixed loop, and how much CPU others took."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

CALIBRATION_ROUNDS = 200_000
CPU_MODEL = "model name"


def calibrate() -> float:
    """Milliseconds of CPU for a fixed loop: rises when a sibling of the core is busy or the clock falls."""
    began = time.thread_time()
    total = 0
    for number in range(CALIBRATION_ROUNDS):
        total += number * number % 7
    return (time.thread_time() - began) * 1_000


@dataclass(frozen=True)
class Busy:
    """CPU seconds since boot: of all processes, and those that the hypervisor gave to other machines."""

    used: float
    stolen: float


def busy() -> Busy:
    """Read /proc/stat. Interrupts are left out: the loopback's work counts there, and it is ours."""
    tick = os.sysconf("SC_CLK_TCK")
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, fields[:8])
    return Busy((user + nice + system) / tick, steal / tick)


def description() -> dict[str, str | int]:
    """The machine, for the record."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith(CPU_MODEL)), "")
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": model,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
