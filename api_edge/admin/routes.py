"""All routes for admins, and what they are made of."""

from dataclasses import dataclass

from fastapi import APIRouter

from api_edge.admin.audit_routes import AuditLog, admin_audit_router
from api_edge.admin.catalogs import Catalogs
from api_edge.admin.catalogs_routes import admin_catalogs_router
from api_edge.admin.mcp_servers import AdminMcpServers
from api_edge.admin.mcp_servers_routes import admin_mcp_servers_router
from api_edge.admin.provider_models import ProviderModels
from api_edge.admin.provider_models_routes import admin_provider_models_router
from api_edge.admin.providers import AdminProviders
from api_edge.admin.providers_routes import admin_providers_router
from api_edge.admin.tool_calls import AdminToolCalls
from api_edge.admin.tools import AdminTools
from api_edge.admin.tools_routes import admin_tools_router
from api_edge.admin.users import AdminUsers
from api_edge.admin.users_budgets import UserBudgets
from api_edge.admin.users_budgets_routes import admin_budgets_router
from api_edge.admin.users_routes import admin_users_router
from api_edge.admin.users_standing_routes import admin_standing_router


@dataclass(frozen=True)
class AdminParts:
    """Everything that the routes below /v1/admin work with."""

    users: AdminUsers
    budgets: UserBudgets
    providers: AdminProviders
    catalogs: Catalogs
    models: ProviderModels
    tools: AdminTools
    calls: AdminToolCalls
    servers: AdminMcpServers
    audit: AuditLog


def admin_routers(parts: AdminParts) -> list[APIRouter]:
    """The routes. The door lets nobody in who has not the role admin."""
    return [
        admin_users_router(parts.users),
        admin_standing_router(parts.users),
        admin_budgets_router(parts.budgets),
        admin_providers_router(parts.providers),
        admin_catalogs_router(parts.catalogs),
        admin_provider_models_router(parts.models),
        admin_tools_router(parts.tools, parts.calls),
        admin_mcp_servers_router(parts.servers),
        admin_audit_router(parts.audit),
    ]
