"""Opens what the edge needs, and serves until told to stop. Run it as `python -m api_edge`."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp
from typing_extensions import override

from api_edge.admin.audit_routes import AuditLog
from api_edge.admin.catalogs import Catalogs
from api_edge.admin.mcp_servers import AdminMcpServers
from api_edge.admin.provider_models import ProviderModels
from api_edge.admin.providers import AdminProviders
from api_edge.admin.routes import AdminParts
from api_edge.admin.tool_calls import AdminToolCalls
from api_edge.admin.tools import AdminTools
from api_edge.admin.users import AdminUsers
from api_edge.admin.users_budgets import UserBudgets
from api_edge.app import Parts, build_app
from api_edge.auth.parts import IdentityParts, open_identity
from api_edge.deps import Edge, NoLimits
from api_edge.idempotency.jobs import open_job_keys
from api_edge.limits.limiting import Limiting
from api_edge.llm.places import Places
from api_edge.mcp.door import DoorMeans, open_door
from api_edge.mcp.parts import McpParts
from api_edge.media.parts import MediaParts
from api_edge.media.receiving import Spool
from api_edge.middleware.address import networks
from api_edge.middleware.connection import Connections, edge_protocol
from api_edge.middleware.guests import AddressLimits, AddressShares
from api_edge.middleware.surfaces import Surface
from api_edge.relay.draining import Draining
from api_edge.relay.lane_watch import watched
from api_edge.relay.lanes import Lanes
from api_edge.relay.ledger import LedgerReader
from api_edge.relay.results import KeptResults
from api_edge.relay.stops import open_stops
from api_edge.responses.parts import ResponseParts
from api_edge.webhooks.parts import WebhookParts
from contracts.ids import new_ulid
from contracts.responses.fold import TurnFold
from contracts.topics import COMPLETION
from infra.bus.lag import open_lag
from infra.bus.producer import open_producer
from infra.database import Database, open_database
from infra.failpoints import planned
from infra.limits.buckets import Buckets
from infra.limits.gate import Gate, open_gate
from infra.limits.prices import Prices
from infra.notices import Notices, open_notices
from infra.objects import open_objects
from infra.outgoing.addresses import AddressPolicy
from infra.presigning import Presigner
from infra.process import run_process, settle_memory
from infra.registry.costs import ExpectedCosts
from infra.registry.health import HealthBoard
from infra.registry.reading import Registered, open_registered
from infra.relay.load import LoadBoard
from infra.relay.reader import RelayReader, open_reader
from infra.relay.redis import Connections as Redis
from infra.relay.redis import open_redis, ping
from infra.sealing import Sealer
from infra.settings import EdgeSettings, MediaSettings, Settings, read_settings
from infra.telemetry.logs import open_logs
from infra.telemetry.metrics import ConnectionMetrics, EdgeMetrics, open_registry
from infra.telemetry.readiness import Check
from infra.telemetry.serving import serve_metrics
from infra.telemetry.tracing import open_tracing
from infra.tools.reading import KnownTools, open_known_tools
from infra.tools.sessions import Sessions

BACKLOG = 2_048
KEEP_ALIVE_SECONDS = 75
LAST_WORDS_SECONDS = 2
"""What streams have to tell their clients to go on elsewhere, after the grace and before they are cut."""

log = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; streams that run get the drain time to end."""
    open_logs(settings.telemetry, "edge")
    registry = open_registry("edge", version("jan-server"))
    sockets = [_listen(settings.edge.host, port) for port in _ports(settings.edge)]
    async with open_app(settings, registry) as (app, draining):
        settle_memory()
        trusted = networks(settings.edge.trusted_proxies)
        connections = Connections(settings.edge, trusted, ConnectionMetrics(registry))
        server = EdgeServer(_config(app, settings.edge, connections), draining, settings.edge)
        log.info("edge_serving", extra={"ports": [one.getsockname()[1] for one in sockets]})
        await server.serve(sockets=sockets)


class EdgeServer(uvicorn.Server):
    """uvicorn, whose serving ends by a signal, not the process: it would raise the signal again when it has
    served, and so leave posted events and spans unsent."""

    def __init__(self, config: uvicorn.Config, draining: Draining, settings: EdgeSettings) -> None:
        super().__init__(config)
        self._draining = draining
        self._settings = settings

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """For as long as it serves."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._drain, number)
        yield

    def _drain(self, number: int) -> None:
        """Told once: not ready, then closed for new requests, then the streams that are left are ended. Told
        again: as uvicorn has it."""
        if self._draining.has_begun:
            self.handle_exit(number, None)
            return
        self._draining.begin()
        loop, delay = asyncio.get_running_loop(), self._settings.drain_delay
        loop.call_later(delay, self.handle_exit, number, None)
        loop.call_later(delay + self._settings.drain_timeout, self._draining.end)


@asynccontextmanager
async def open_app(
    settings: Settings, registry: CollectorRegistry
) -> AsyncIterator[tuple[ASGIApp, Draining]]:
    """The application, with everything that it needs open, and its end."""
    metrics = EdgeMetrics(registry)
    edge_id = new_ulid()
    presigner = Presigner(settings.objects)  # an address that can't be signed for ends the start
    async with (
        open_tracing(settings.telemetry, "edge") as tracing,
        open_redis(settings.redis) as redis,
        open_database(settings.database) as database,
        open_objects(settings.objects) as objects,
        open_producer(settings.kafka) as producer,
        open_reader(
            edge_id, redis, settings.relay, heartbeat=settings.edge.heartbeat, stats=metrics
        ) as reader,
        _open_lanes(edge_id, LoadBoard(redis), settings, metrics) as lanes,
        open_job_keys(database, settings.edge) as keys,
        open_stops(reader, producer) as stops,
        open_notices(redis) as notices,
        open_registered(database, notices) as registered,
        open_known_tools(database, notices) as known_tools,
        open_identity(database, notices, settings) as identity,
        _open_limits(database, notices, registered, settings) as limits,
    ):
        draining = Draining(reader.nudge)
        checks = [
            Check("serving", needed=True, ask=draining.check, is_instant=True),
            Check("kafka", needed=True, ask=producer.ping),
            Check("redis", needed=True, ask=lambda: ping(redis)),
            Check("relay", needed=True, ask=lambda: _listening(reader)),
            Check("database", needed=False, ask=database.ping),
            Check("objects", needed=False, ask=objects.ping),
            *identity.checks,
        ]
        if limits is not None:
            is_needed = settings.limits.without_redis == "closed"
            checks.append(Check("limits", needed=is_needed, ask=limits.ping))
        edge = Edge(
            settings=settings.edge,
            producer=producer,
            relay=reader,
            stops=stops,
            lanes=lanes,
            keys=keys,
            results=KeptResults(database),
            ledger=LedgerReader(database),
            draining=draining,
            payloads=objects,
            models=registered,
            stats=metrics,
            tracing=tracing,
            failpoints=planned(settings.failpoints),
            limits=NoLimits() if limits is None else Limiting(limits, settings.limits),
            conversations=Places(database),
        )
        own_port = settings.edge.metrics_port
        async with _open_mcp(edge, known_tools, redis, settings) as mcp:
            parts = Parts(
                database,
                registered,
                identity,
                _admin(database, notices, redis, identity, settings),
                MediaParts(objects, presigner, _spool(settings.media), settings.media),
                mcp,
                _responses(registered, known_tools, settings),
                WebhookParts(Sealer(settings.seal), settings.webhooks),
                checks,
                registry if own_port is None else None,
                door=_door(Buckets(redis, settings.limits), settings),
                base_url=settings.identity.issuer,
                is_https=settings.identity.issuer.startswith("https://"),
            )
            app = build_app(edge, parts, metrics, _surfaces(settings.edge))
            if own_port is None:
                yield app, draining
                return
            async with serve_metrics(registry, checks, own_port, settings.edge.host):
                yield app, draining


def _admin(
    database: Database, notices: Notices, redis: Redis, identity: IdentityParts, settings: Settings
) -> AdminParts:
    return AdminParts(
        AdminUsers(database, identity.accounts.revocations, notices, settings.limits),
        UserBudgets(database, notices),
        AdminProviders(
            database,
            notices,
            Sealer(settings.seal),
            HealthBoard(redis),
            AddressPolicy(settings.provider.networks),
        ),
        Catalogs(database, notices),
        ProviderModels(database, notices),
        AdminTools(database, notices),
        AdminToolCalls(database),
        AdminMcpServers(
            database,
            notices,
            Sealer(settings.seal),
            AddressPolicy(settings.mcp.networks),
            allows_programs=settings.mcp.allow_stdio,
        ),
        AuditLog(database),
    )


def _responses(registered: Registered, known: KnownTools, settings: Settings) -> ResponseParts:
    return ResponseParts(known, registered, settings.responses, settings.relay.retention, TurnFold)


@asynccontextmanager
async def _open_mcp(
    edge: Edge, known: KnownTools, redis: Redis, settings: Settings
) -> AsyncIterator[McpParts]:
    sessions = Sessions(redis, seconds=settings.mcp.session_seconds, call_seconds=settings.relay.retention)
    base_url = settings.identity.issuer
    means = DoorMeans(edge, known, sessions, settings.tools, settings.mcp, base_url)
    async with open_door(means) as door:
        yield McpParts(door, known, tuple(filter(None, [settings.oidc.issuer])))


@asynccontextmanager
async def _open_limits(
    database: Database, notices: Notices, registered: Registered, settings: Settings
) -> AsyncIterator[Gate | None]:
    """None where limits are switched off."""
    if not settings.has_limits:
        yield None
        return
    costs = ExpectedCosts(registered, Prices(settings.limits.prices).cost)
    async with open_gate(database, notices, settings, cost=costs.of) as gate:
        yield gate


@asynccontextmanager
async def _open_lanes(
    edge_id: str, board: LoadBoard, settings: Settings, metrics: EdgeMetrics
) -> AsyncIterator[Lanes]:
    lanes = Lanes(COMPLETION, settings.edge, metrics)
    if settings.kafka.flavor != "kafka":  # without commit metadata, done work would count as waiting
        yield lanes
        return
    async with watched(lanes, edge_id, board, lambda: open_lag(settings.kafka)):
        yield lanes


def _door(buckets: Buckets, settings: Settings) -> Callable[[ASGIApp], ASGIApp]:
    """What counts, by address, those who have no name yet."""
    own = settings.identity

    def door(app: ASGIApp) -> ASGIApp:
        return AddressLimits(
            app,
            buckets,
            AddressShares(own.guest_logins, own.public_reads, own.failures),
            is_open=settings.limits.without_redis == "open",
        )

    return door


def _spool(settings: MediaSettings) -> Spool:
    """Where files are on their way; what killed processes left there goes."""
    spool = Spool(settings.spool, settings.uploads)
    spool.clear()
    return spool


async def _listening(reader: RelayReader) -> None:
    if not reader.wire.is_listening:
        raise ConnectionError("the relay's wire is down")


def _config(app: ASGIApp, settings: EdgeSettings, connections: Connections) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=edge_protocol(settings, connections),
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.drain_timeout) + LAST_WORDS_SECONDS,
    )


def _ports(settings: EdgeSettings) -> list[int]:
    return [settings.port, *settings.surface_ports.values()]


def _surfaces(settings: EdgeSettings) -> dict[int, Surface]:
    return {port: Surface(name) for name, port in settings.surface_ports.items()}


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=False)
    listener.setblocking(False)  # noqa: FBT003  the socket module's own signature
    return listener


if __name__ == "__main__":
    run_process(serve(read_settings("api_edge")))
