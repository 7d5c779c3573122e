"""Every setting of the product, read from the environment once, in a composition root.

Each section has a prefix: `JAN_KAFKA_BOOTSTRAP` is `KafkaSettings.bootstrap`.
"""

from infra.settings.database import DatabaseSettings
from infra.settings.edge import LANE_SECONDS, EdgeSettings, SurfaceName
from infra.settings.fields import KIB, MIB, Pairs, Words
from infra.settings.file_search import FileSearchSettings
from infra.settings.identity import DEFAULT_AUTH_SECRET, MAX_KEY_DAYS, IdentitySettings
from infra.settings.inherited import inherited_environment
from infra.settings.kafka import KafkaSettings
from infra.settings.ledger import LedgerSettings
from infra.settings.limits import COSTS, TIERS, TOKEN_TIERS, LimitSettings
from infra.settings.mcp import McpSettings
from infra.settings.media import MediaSettings
from infra.settings.objects import ObjectSettings
from infra.settings.oidc import OidcSettings
from infra.settings.provider import ProviderSettings
from infra.settings.reading import read_settings
from infra.settings.redis import RedisSettings
from infra.settings.relay import RelaySettings
from infra.settings.responses import ResponseSettings
from infra.settings.sandbox import SandboxSettings
from infra.settings.scrape import ScrapeSettings
from infra.settings.seal import DEFAULT_SEAL_KEY, SealSettings
from infra.settings.search import SearchSettings
from infra.settings.stack import StackSettings
from infra.settings.telemetry import TelemetrySettings
from infra.settings.tools import ToolSettings
from infra.settings.webhooks import WebhookSettings
from infra.settings.whole import Settings
from infra.settings.worker import MAX_RETRIES, WorkerSettings

__all__ = [
    "COSTS",
    "DEFAULT_AUTH_SECRET",
    "DEFAULT_SEAL_KEY",
    "KIB",
    "LANE_SECONDS",
    "MAX_KEY_DAYS",
    "MAX_RETRIES",
    "MIB",
    "TIERS",
    "TOKEN_TIERS",
    "DatabaseSettings",
    "EdgeSettings",
    "FileSearchSettings",
    "IdentitySettings",
    "KafkaSettings",
    "LedgerSettings",
    "LimitSettings",
    "McpSettings",
    "MediaSettings",
    "ObjectSettings",
    "OidcSettings",
    "Pairs",
    "ProviderSettings",
    "RedisSettings",
    "RelaySettings",
    "ResponseSettings",
    "SandboxSettings",
    "ScrapeSettings",
    "SealSettings",
    "SearchSettings",
    "Settings",
    "StackSettings",
    "SurfaceName",
    "TelemetrySettings",
    "ToolSettings",
    "WebhookSettings",
    "Words",
    "WorkerSettings",
    "inherited_environment",
    "read_settings",
]
