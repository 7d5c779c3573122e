"""The routes of responses around a real database; bus and relay are dictionaries, the worker is the test."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api_edge.app import HotRoutes
from api_edge.errors import install_error_handlers
from api_edge.middleware.conventions import Conventions
from api_edge.middleware.identity import Identity
from api_edge.responses.create import PATH
from api_edge.responses.parts import ResponseParts
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.frames import FrameKind, frame
from contracts.jobs import ResponseEnvelope, Turn
from infra.database import Database
from infra.identity.known import Known
from infra.registry.registry import Registry
from infra.settings import ResponseSettings
from infra.store.response_items import ResponseItemRow, keep_items
from infra.store.responses import ResponseRow, locked_response
from infra.telemetry.metrics import EdgeMetrics
from tests.api_edge.responses.logs import NamingFold
from tests.api_edge.responses.tools import known
from tests.flows.world import CALLER, Answer, MemoryProvider, World

OTHER = Caller(user_id="u2", tenant="t2")
SECONDS_KEPT = 3_600


class Conversations:
    """One conversation."""

    async def place(self, tenant: str, conversation_id: str) -> Turn:
        if not conversation_id.endswith("2T"):
            raise ApiError(ErrorCode.NOT_FOUND, "There is no such conversation", param="conversation")
        return Turn(conversation_id=conversation_id, after=7)

    async def check_project(self, tenant: str, project_id: str) -> None:
        raise NotImplementedError


@dataclass
class Room:
    """What a test of responses has."""

    database: Database
    settings: ResponseSettings = field(default_factory=ResponseSettings)
    world: World = field(default_factory=lambda: World(MemoryProvider()))

    def __post_init__(self) -> None:
        world = self.world
        world.bus.runner = None
        edge = world.edge
        object.__setattr__(edge, "conversations", Conversations())
        parts = ResponseParts(Tools(), Models(), self.settings, SECONDS_KEPT, NamingFold)
        cold = FastAPI()
        install_error_handlers(cold)
        cold.include_router(parts.router(edge, self.database))
        hot = HotRoutes(parts.calls(edge, self.database), cold, [("GET", PATH)])
        world.app = Conventions(
            Identity(hot, _authenticate), EdgeMetrics(CollectorRegistry()), lambda _: PATH
        )

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        query: str = "",
        **more: Any,  # as World has it
    ) -> Answer:
        """One request."""
        raw = b"" if body is None else json.dumps(body).encode()
        return await self.world._ask(method, path, raw, query=query, **more)

    async def create(self, headers: Mapping[str, str] | None = None, **fields: object) -> Answer:
        """Ask for a response."""
        return await self.ask("POST", PATH, {"model": "m", "input": "Hi", **fields}, headers=headers)

    @property
    def words(self) -> list[ResponseEnvelope]:
        """What was told to workers."""
        return [ResponseEnvelope.model_validate_json(record.value) for record in self.world.bus.records]

    async def row(self, response_id: str) -> ResponseRow:
        async with self.database.begin() as session:
            row = await locked_response(session, response_id)
        assert row is not None
        return row

    async def change(self, response_id: str, **fields: object) -> None:
        """Do what a worker would."""
        async with self.database.begin() as session:
            row = await locked_response(session, response_id)
            assert row is not None
            for name, value in fields.items():
                setattr(row, name, value)

    async def put_out(self, response_id: str, *items: dict[str, Any]) -> None:
        """Output items, as a worker writes them."""
        row = await self.row(response_id)
        async with self.database.begin() as session:
            await keep_items(
                session,
                [
                    ResponseItemRow(
                        response_id=response_id,
                        is_output=True,
                        position=at,
                        item_id=item["id"],
                        item=item,
                        created_at=row.created_at,
                    )
                    for at, item in enumerate(items)
                ],
            )

    def log(self, job_id: str, *events: dict[str, Any]) -> None:
        """A whole log of events."""
        self.world.relay.attempts.setdefault(job_id, 1)
        for event in events:
            self.world.relay.append(job_id, 1, frame(FrameKind.CHUNK, 1, json.dumps(event).encode()))
        self.world.relay.append(job_id, 1, b"z1 {}")

    def on_word(self, act: Callable[[ResponseEnvelope], None]) -> None:
        """Do something when a word comes."""
        bus = self.world.bus
        produce = bus.send

        async def send(
            topic: Any, key: bytes, value: bytes, headers: Mapping[str, str]
        ) -> None:  # as the bus
            await produce(topic, key, value, headers)
            act(ResponseEnvelope.model_validate_json(value))

        bus.send = send  # type: ignore[method-assign]  # the test is the worker


class Tools:
    """The catalog of tests."""

    current = known().catalog


class Models:
    """Nothing is known of any model."""

    def resolve(self, name: str) -> tuple[Any, ...]:
        return Registry().resolve(name)


async def _authenticate(headers: list[tuple[bytes, bytes]], *, is_suspect: bool) -> Known:
    caller = OTHER if (b"authorization", b"Bearer other") in headers else CALLER
    return Known(caller, float("inf"), frozenset())
