"""What the routes of responses are made of."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.routing import Route
from starlette.types import ASGIApp

from api_edge.deps import Edge
from api_edge.responses.asking import Asker
from api_edge.responses.cancels import Cancels
from api_edge.responses.counting import PATH as COUNTED
from api_edge.responses.counting import input_tokens
from api_edge.responses.create import PATH, ResponseCall
from api_edge.responses.desk import ResponseDesk
from api_edge.responses.events import FoldOf
from api_edge.responses.keeping import Keeping
from api_edge.responses.offer import Tools
from api_edge.responses.plan import Models
from api_edge.responses.resume import PATH as ONE
from api_edge.responses.resume import ReadResponse
from api_edge.responses.routes import responses_router
from api_edge.responses.stream import Streams
from infra.database import Database
from infra.settings import ResponseSettings


@dataclass(frozen=True)
class ResponseParts:
    """What is open for them, beside what every route has."""

    tools: Tools
    models: Models
    settings: ResponseSettings
    retention: float
    """Seconds for which a log, and what is not stored, is kept."""
    fold_of: FoldOf
    """Makes events of a turn's chunks."""

    def router(self, edge: Edge, database: Database) -> APIRouter:
        """The routes of those that are there already."""
        cancels = Cancels(edge, database)
        desk = ResponseDesk(database, cancels)
        router = responses_router(desk)
        read = ReadResponse(edge, desk, cancels, Streams(edge, self.fold_of))
        router.routes.append(Route(ONE, read, methods=["GET"]))
        return router

    def calls(self, edge: Edge, database: Database) -> dict[tuple[str, str], ASGIApp]:
        """The hot routes, by method and path."""
        cancels = Cancels(edge, database)
        asker = Asker(edge, database, self.models, self.tools, self.settings)
        call = ResponseCall(
            edge,
            asker,
            Keeping(edge, database, self.settings, self.retention),
            cancels,
            ResponseDesk(database, cancels),
            Streams(edge, self.fold_of),
        )
        counting = input_tokens(edge, asker, self.settings)
        return {("POST", PATH): call, ("POST", COUNTED): counting}
