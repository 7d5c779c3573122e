"""A worker process to be killed: writes what begins and what is done to a file.

Arguments: bootstrap, flavor, topic, group, `hold` or `go` (whether jobs named hold-* wait for ever), file.
"""

import asyncio
import signal
import sys
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter

from contracts.topics import HOUR_MS, Topic
from infra.bus.broker import open_broker, serve
from infra.bus.consumption import ConsumptionLimits
from infra.bus.parallel import parallel_subscriber
from infra.bus.record import Record
from infra.settings import KafkaSettings


async def main(bootstrap: str, flavor: str, name: str, group: str, mode: str, log: TextIO) -> None:
    settings = KafkaSettings.model_validate(
        {
            "bootstrap": bootstrap,
            "flavor": flavor,
            "session_timeout_ms": 6_000,
            "rebalance_timeout_ms": 6_000,
            "heartbeat_interval_ms": 200,
        }
    )
    topic = Topic(name, "job_id", 4, HOUR_MS, TypeAdapter(dict), "Test jobs")
    broker = open_broker(settings)

    async def bury(record: Record, error: BaseException, attempts: int) -> None:
        log.write(f"dead {record.value.decode()}\n")

    limits = ConsumptionLimits(max_jobs=200, commit_every=0.1)
    subscriber = parallel_subscriber(
        broker, topic, settings=settings, group_id=group, on_dead=bury, limits=limits
    )

    @subscriber
    async def on_record(record: Record) -> None:
        job = record.value.decode()
        log.write(f"begun {job}\n")
        if mode == "hold" and job.startswith("hold"):
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        log.write(f"done {job}\n")

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(broker, stop)


if __name__ == "__main__":
    bootstrap, flavor, name, group, mode, path = sys.argv[1:]
    with Path(path).open("a", buffering=1) as diary:
        asyncio.run(main(bootstrap, flavor, name, group, mode, diary))
