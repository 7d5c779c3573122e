"""All routes of conversations but those that call a model."""

from fastapi import APIRouter

from api_edge.conversations.branch_routes import branch_router
from api_edge.conversations.branches import Branches
from api_edge.conversations.conversation_routes import conversation_router
from api_edge.conversations.conversations import Conversations
from api_edge.conversations.item_routes import item_router
from api_edge.conversations.items import Items
from infra.database import Database


def conversation_routers(database: Database) -> list[APIRouter]:
    """Conversations, their items and their branches."""
    return [
        conversation_router(Conversations(database)),
        item_router(Items(database)),
        branch_router(Branches(database)),
    ]
