"""The product's own processes, as parts of the stack."""

import signal
import sys

from infra.embedded.check import answers_ok
from infra.embedded.jars import Report
from infra.embedded.part import Part
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server
from infra.settings import EdgeSettings, WorkerSettings

SURFACE_PORTS = {"llm": 8080, "responses": 8082, "media": 8285, "mcp": 8091}
WORKER_METRICS_PORT = 9464
LONGEST_DRAIN = 5.0
"""Seconds: on a desk, Ctrl-C is meant."""
STOP_MARGIN = 5.0
WORKERS = ("completion", "response", "media", "tool", "webhook", "ledger", "retry")
"""One worker of each kind: the module is `workers.<kind>`."""


def product_parts() -> tuple[Part, ...]:
    """The edge and one worker of each kind."""
    return (Part("edge", edge_server), *(worker_part(kind) for kind in WORKERS))


async def edge_server(place: Place, _report: Report) -> Server:
    """The gateway with the ports of the single surfaces."""
    wanted = EdgeSettings()
    port = place.ports.take(wanted.port)
    surfaces = {
        name: place.ports.take(usual) for name, usual in (wanted.surface_ports or SURFACE_PORTS).items()
    }

    async def ready() -> bool:
        return await answers_ok(port, "/readyz")

    drain = min(wanted.drain_timeout, LONGEST_DRAIN)
    settings = {
        "JAN_EDGE_HOST": HOST,
        "JAN_EDGE_PORT": str(port),
        "JAN_EDGE_SURFACE_PORTS": ",".join(f"{name}={number}" for name, number in surfaces.items()),
        "JAN_EDGE_DRAIN_TIMEOUT": str(drain),
        "JAN_AUTH_ISSUER": f"http://{HOST}:{port}",
    }
    return Server(
        name="edge",
        command=(sys.executable, "-m", "api_edge"),
        address=f"http://{HOST}:{port}",
        ready=ready,
        offers=settings,
        environment=settings,
        orphan_signal=signal.SIGKILL,
        stop_limit=drain + STOP_MARGIN,
    )


def worker_part(kind: str) -> Part:
    """One worker process of that kind."""

    async def open_worker(place: Place, _report: Report) -> Server:
        wanted = WorkerSettings()
        port = place.ports.take(wanted.metrics_port or WORKER_METRICS_PORT)
        drain = min(wanted.drain_timeout, LONGEST_DRAIN)

        async def ready() -> bool:
            return await answers_ok(port, "/readyz")

        return Server(
            name=kind,
            command=(sys.executable, "-m", f"workers.{kind}"),
            address=f"http://{HOST}:{port}/metrics",
            ready=ready,
            environment={"JAN_WORKER_METRICS_PORT": str(port), "JAN_WORKER_DRAIN_TIMEOUT": str(drain)},
            orphan_signal=signal.SIGKILL,
            stop_limit=drain + STOP_MARGIN,
        )

    return Part(kind, open_worker)
