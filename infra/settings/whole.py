"""All sections together."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from infra.settings.database import DatabaseSettings
from infra.settings.edge import EdgeSettings
from infra.settings.file_search import FileSearchSettings
from infra.settings.identity import IdentitySettings
from infra.settings.kafka import KafkaSettings
from infra.settings.ledger import LedgerSettings
from infra.settings.limits import LimitSettings
from infra.settings.mcp import McpSettings
from infra.settings.media import MediaSettings
from infra.settings.objects import ObjectSettings
from infra.settings.oidc import OidcSettings
from infra.settings.provider import ProviderSettings
from infra.settings.redis import RedisSettings
from infra.settings.relay import RelaySettings
from infra.settings.responses import ResponseSettings
from infra.settings.sandbox import SandboxSettings
from infra.settings.scrape import ScrapeSettings
from infra.settings.seal import SealSettings
from infra.settings.search import SearchSettings
from infra.settings.telemetry import TelemetrySettings
from infra.settings.tools import ToolSettings
from infra.settings.webhooks import WebhookSettings
from infra.settings.worker import WorkerSettings


class Settings(BaseSettings):
    """All sections; built once in a composition root, which hands each function the section it needs."""

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    objects: ObjectSettings = Field(default_factory=ObjectSettings)
    media: MediaSettings = Field(default_factory=MediaSettings)
    tools: ToolSettings = Field(default_factory=ToolSettings)
    search: SearchSettings = Field(default_factory=SearchSettings)
    scrape: ScrapeSettings = Field(default_factory=ScrapeSettings)
    file_search: FileSearchSettings = Field(default_factory=FileSearchSettings)
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    mcp: McpSettings = Field(default_factory=McpSettings)
    responses: ResponseSettings = Field(default_factory=ResponseSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    relay: RelaySettings = Field(default_factory=RelaySettings)
    edge: EdgeSettings = Field(default_factory=EdgeSettings)
    identity: IdentitySettings = Field(default_factory=IdentitySettings)
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    seal: SealSettings = Field(default_factory=SealSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    environment: Literal["development", "test", "production"] = Field(
        "development", validation_alias="JAN_ENVIRONMENT"
    )
    """What this process is for. Only `test` may be told to fail."""
    failpoints: str = Field("", validation_alias="JAN_FAILPOINTS")
    """Where it fails, as `infra.failpoints` reads it."""

    @property
    def has_limits(self) -> bool:
        """Whether tenants have limits: as the switch says, by default in production only."""
        return self.limits.switch == "on" or (not self.limits.switch and self.environment == "production")

    @model_validator(mode="after")
    def _fails_only_in_tests(self) -> Self:
        if self.failpoints and self.environment != "test":
            message = f"JAN_FAILPOINTS is for JAN_ENVIRONMENT=test only; this is {self.environment}"
            raise ValueError(message)
        return self
