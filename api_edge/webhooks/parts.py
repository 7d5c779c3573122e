"""What the routes of webhooks are made of."""

from dataclasses import dataclass

from fastapi import APIRouter

from api_edge.deps import Edge
from api_edge.webhooks.deliveries import Deliveries
from api_edge.webhooks.deliveries_routes import deliveries_router
from api_edge.webhooks.endpoints import Endpoints
from api_edge.webhooks.routes import OPENAI, OURS, endpoints_router, types_router
from infra.database import Database
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.posting import PostTargets
from infra.sealing import Sealer
from infra.settings import WebhookSettings


@dataclass(frozen=True)
class WebhookParts:
    """What is open for them, beside what every route has."""

    sealer: Sealer
    settings: WebhookSettings

    def routers(self, edge: Edge, database: Database) -> list[APIRouter]:
        """All routes, fixed names before ids. Endpoints have two paths: ours and OpenAI's."""
        targets = PostTargets(AddressPolicy(self.settings.networks), frozenset(self.settings.schemes))
        endpoints = Endpoints(database, self.sealer, targets, self.settings)
        deliveries = Deliveries(database, edge, self.settings)
        return [
            types_router(),
            deliveries_router(deliveries, endpoints),
            endpoints_router(OURS, endpoints, deliveries),
            endpoints_router(OPENAI, endpoints, deliveries),
        ]
