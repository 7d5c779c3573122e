"""Every setting of the product, read from the environment once, in a composition root.

Each section has a prefix: `JAN_KAFKA_BOOTSTRAP` is `KafkaSettings.bootstrap`.
"""

import os
import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts.envelope import Lane

KIB = 1024
MIB = 1024 * KIB
LANE_SECONDS: dict[Lane, float] = {
    Lane.PRIORITY: 10.0,
    Lane.DEFAULT: 30.0,
    Lane.FLEX: 600.0,
    Lane.BATCH: 86_400.0,
}


def _words(value: object) -> object:
    """`a,b` as two words."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _pairs(value: object) -> object:
    """`llm=8080,mcp=8091` as a mapping."""
    if not isinstance(value, str):
        return value
    return dict(pair.strip().partition("=")[::2] for pair in value.split(",") if pair.strip())


def _lane_seconds(value: object) -> object:
    """`default=30,flex=600` as a mapping, in which the other lanes keep theirs."""
    given = _pairs(value)
    return LANE_SECONDS | given if isinstance(given, dict) else given


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Pairs = Annotated[dict[str, int], NoDecode, BeforeValidator(_pairs)]
MAX_RETRIES = 3
"""There is a retry topic for each of so many further attempts."""
Delays = Annotated[
    tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...],
    NoDecode,
    BeforeValidator(_words),
    Field(max_length=MAX_RETRIES),
]
LaneSeconds = Annotated[dict[Lane, float], NoDecode, BeforeValidator(_lane_seconds)]


def _section(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=prefix, frozen=True, extra="ignore", str_strip_whitespace=True)


SurfaceName = Literal["all", "llm", "responses", "media", "mcp"]
DEFAULT_SEAL_KEY = "development:jan-development-seal-key"  # refused in production


class KafkaSettings(BaseSettings):
    """`JAN_KAFKA_*`: the broker, and how records are sent and fetched."""

    model_config = _section("JAN_KAFKA_")

    bootstrap: str = "127.0.0.1:9092"
    flavor: Literal["kafka", "tansu"] = "kafka"
    """`tansu` turns off what the fallback broker cannot hold: the idempotent producer and commit metadata."""
    replication: int = 1
    max_partitions: int | None = None
    """Most partitions of a topic, for a broker that serves few workers: each fetch names every partition."""
    request_timeout_ms: int = 15_000
    event_linger_ms: int = 20
    """Events wait this long for company; nobody waits for them."""
    fetch_max_wait_ms: int = 250
    """A fetch without data waits so long; longer costs less when idle. Under back-pressure a partition may
    wait as long behind one without data, since one fetch per broker is in flight."""
    session_timeout_ms: int = 10_000
    """A lone worker that dies holds its partitions for so long; a living one beats ten times within it."""
    heartbeat_interval_ms: int = 1_000
    rebalance_timeout_ms: int = 30_000
    max_poll_interval_ms: int = 300_000


class DatabaseSettings(BaseSettings):
    """`JAN_DATABASE_*`: PostgreSQL."""

    model_config = _section("JAN_DATABASE_")

    url: SecretStr = SecretStr("postgresql://jan:jan@127.0.0.1:5432/jan")
    pool_size: int = 10
    timeout: float = 10.0
    """Seconds for a connection or a statement."""


class RedisSettings(BaseSettings):
    """`JAN_REDIS_*`: Redis or Valkey."""

    model_config = _section("JAN_REDIS_")

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    max_connections: int = 32
    timeout: float = 5.0
    """Seconds for a connection or an answer."""


class ObjectSettings(BaseSettings):
    """`JAN_S3_*`: any S3."""

    model_config = _section("JAN_S3_")

    endpoint: str = "http://127.0.0.1:8333"
    public_endpoint: str | None = None
    access_key: str = "jan"
    secret_key: SecretStr = SecretStr("jan-secret")
    region: str = "us-east-1"
    bucket: str = "jan"
    timeout: float = 10.0
    """Seconds for a connection or for silence in an answer."""


class ProviderSettings(BaseSettings):
    """`JAN_PROVIDER_*`: the upstream LLM. Any OpenAI-compatible server."""

    model_config = _section("JAN_PROVIDER_")

    name: str = "local"
    url: str = "http://127.0.0.1:8090/v1"
    key: SecretStr | None = None
    models: Words = ()
    """Ids offered when the provider has no model list of its own; comma-separated in the environment."""
    connect_timeout: float = 5.0
    first_token_timeout: float = 120.0
    token_timeout: float = 60.0
    """Seconds of silence between two tokens."""
    total_timeout: float = 600.0
    max_line: int = 4 * MIB
    """Bytes of one line of a stream."""
    max_answer: int = 64 * MIB
    """Bytes of an answer that is not a stream."""
    max_connections: int = 512
    retries: int = 2
    """Further tries of a call that failed in a way that may pass, before anything of its answer was shown."""
    retry_base: float = 0.5
    """Seconds before the first further try, at most; each next one twice as long, less by chance."""
    retry_limit: float = 15.0
    """Seconds from the first try in which the last one has to begin."""
    prefill: Literal["none", "llama.cpp", "vllm"] = "none"
    """How the provider goes on with an answer whose worker was lost, given its text; `none`: it can't."""


class RelaySettings(BaseSettings):
    """`JAN_RELAY_*`: the job logs and the wire between workers and edges."""

    model_config = _section("JAN_RELAY_")

    retention: int = 3_600
    """Seconds that a job's log is kept after its last frame."""
    flush_bytes: int = 256 * KIB
    """Most bytes of one write; what accumulates beyond waits for the next."""
    pending_bytes: int = MIB
    """Bytes of one job that may wait to be written before its worker is held back."""
    rewrite_bytes: int = 256 * KIB
    """Bytes of one job's frames that its worker keeps, to write its log again when Redis has forgotten it."""
    follower_bytes: int = 64 * KIB
    """Bytes of one stream that an edge holds; beyond, the stream reads from the log at its client's speed."""
    watchdog: float = 1.0
    """Seconds of silence after which an edge looks into the log, in case the wire lost the last frame."""


class EdgeSettings(BaseSettings):
    """`JAN_EDGE_*`: the HTTP edge."""

    model_config = _section("JAN_EDGE_")

    host: str = "127.0.0.1"
    port: int = 8000
    surface_ports: Pairs = Field(default_factory=dict)
    """Ports of single surfaces beside the gateway, as `llm=8080,responses=8082,media=8285,mcp=8091`."""
    metrics_port: int | None = None
    """Where /metrics is served; None serves it on the gateway too, for development."""
    max_body: int = 8 * MIB
    max_depth: int = 64
    claim_check_bytes: int = 256 * KIB
    """A request larger than this travels through the object store."""
    heartbeat: float = 15.0
    """Seconds of silence after which a stream gets a comment line."""
    job_timeout: float = 600.0
    """Seconds from a job's acceptance to its deadline."""
    body_timeout: float = 30.0
    """Seconds for a whole request body to arrive."""
    idempotency_ttl: int = 86_400
    """Seconds for which an Idempotency-Key stands for the request that it was sent with first."""
    drain_timeout: float = 30.0
    """Seconds that running streams get when the process is told to stop."""
    lane_wait: LaneSeconds = Field(default_factory=lambda: dict(LANE_SECONDS))
    """Expected seconds of waiting from which on a lane takes no more jobs, as `default=30,flex=600`."""
    lane_depth: int = 10_000
    """Waiting jobs from which on a lane takes no more, however fast it is."""
    drain_delay: float = 0.0
    """Seconds for which new requests are still served after the process is told to stop: readiness says so
    at once, and a balancer needs a moment to hear of it."""
    send_timeout: float = 300.0
    """Seconds after which a client that takes nothing of its stream is dropped; it can resume."""
    surfaces: Annotated[tuple[SurfaceName, ...], NoDecode, BeforeValidator(_words)] = ("all",)
    """Which of the public APIs this process serves on its gateway port: `all`, or as `llm,mcp`."""
    head_timeout: float = 10.0
    """Seconds for a request's line and headers to arrive, from the connection's opening or first byte."""
    max_head: int = 64 * KIB
    """Bytes of a request's line and headers together."""
    max_target: int = 16 * KIB
    """Bytes of a request's target."""
    max_headers: int = 128
    """Header lines of a request."""
    max_connections: int = 4_096
    """Connections that one process holds; a further one is refused."""
    max_connections_per_address: int = 1_024
    """Of these, connections of one client address. A trusted proxy is not counted."""
    trusted_proxies: Words = ()
    """Networks whose `X-Forwarded-For` is believed, as `10.0.0.0/8,127.0.0.1`. By default nobody's."""
    cors_origins: Words = ()


DEFAULT_AUTH_SECRET = "jan-development-secret"  # noqa: S105  refused in production
MAX_KEY_DAYS = 90


class IdentitySettings(BaseSettings):
    """`JAN_AUTH_*`: who may ask. The embedded issuer, API keys, logins."""

    model_config = _section("JAN_AUTH_")

    issuer: str = "http://127.0.0.1:8000"
    audience: str = "jan"
    access_ttl: int = 300
    """Seconds that an access token is good for."""
    refresh_ttl: int = 30 * 86_400
    secret: SecretStr = SecretStr(DEFAULT_AUTH_SECRET)
    """Keys the hashes under which refresh tokens and API keys are stored; changing it ends them all."""
    leeway: int = 30
    """Seconds of clock difference that validation forgives."""
    signing_key_days: int = 90
    """Days after which a new signing key takes over; the old one verifies until its last token has ended."""
    api_keys: int = 5
    """Active API keys of one user, at most."""
    api_key_days: int = Field(MAX_KEY_DAYS, ge=1, le=MAX_KEY_DAYS)
    """Days that an API key is good for, at most and by default."""
    key_cache: float = 60.0
    """Seconds for which an edge remembers an API key that it looked up. A revoked one is told at once."""
    guest_logins: int = 60
    """Guest logins of one address in a minute; 0 for no limit."""
    failures: int = 60
    """Refused credentials of one address in a minute, from which on unknown ones are not looked up; 0 for
    no limit."""
    admin_key: SecretStr | None = None
    """An API key, as `sk_live_` and 48 hex digits, that `provision` gives to the first admin."""
    admin_emails: Words = ()
    """Verified addresses whose users are admins as soon as they log in through the OIDC issuer."""
    redirect_urls: Words = ()
    """Where a login may lead back to: addresses, of which a query and a fragment are free."""


class OidcSettings(BaseSettings):
    """`JAN_OIDC_*`: an external OpenID Connect issuer, such as Keycloak, beside the embedded one."""

    model_config = _section("JAN_OIDC_")

    issuer: str | None = None
    """Its `iss`; None for the embedded issuer alone."""
    discovery_url: str | None = None
    """Where its discovery document is read, if not below the issuer: inside a cluster another name may lead
    there."""
    client_id: str = "jan"
    client_secret: SecretStr | None = None
    """None for a public client, which PKCE alone protects."""
    audience: str = "jan"
    """What an access token's `aud` must hold."""
    scopes: Words = ("openid", "profile", "email")
    algorithms: Words = ("RS256", "ES256")
    """The signatures that are accepted; no token may choose another."""
    roles_claim: str = "realm_access.roles"
    """Where an access token lists roles; `guest`, `user` and `admin` count."""
    key_pause: float = 30.0
    """Seconds between two readings of its keys for the sake of unknown ones."""
    key_ttl: float = 3_600.0
    """Seconds after which its keys are read again; the known ones go on while it is away."""
    timeout: float = 5.0
    """Seconds for one of its answers."""


TIERS: dict[str, int] = {"free": 10, "starter": 60, "pro": 600, "enterprise": 6_000}
TOKEN_TIERS: dict[str, int] = {
    "free": 20_000,
    "starter": 120_000,
    "pro": 1_200_000,
    "enterprise": 12_000_000,
}
COSTS: dict[str, int] = {"completions": 10, "responses": 5, "writes": 2, "reads": 1}


class LimitSettings(BaseSettings):
    """`JAN_LIMITS_*`: how much a tenant may ask for."""

    model_config = _section("JAN_LIMITS_")

    switch: Literal["on", "off", ""] = Field("", validation_alias="JAN_RATE_LIMITS")
    """`on` or `off`; empty: on in production, off elsewhere."""
    tiers: Pairs = Field(default_factory=lambda: dict(TIERS))
    """Completions a minute of each tier, as `free=10,pro=600`. What costs less is allowed more often."""
    token_tiers: Pairs = Field(default_factory=lambda: dict(TOKEN_TIERS))
    """Tokens a minute of each tier, those of the prompt and of the answer together."""
    costs: Pairs = Field(default_factory=lambda: dict(COSTS))
    """What a request of each class costs, in tenths of a completion."""
    default_tier: str = "free"
    without_redis: Literal["open", "closed"] = "open"
    """While Redis is away: let requests through, or refuse them with 503."""
    answer_tokens: int = 1_024
    """Tokens that an answer is taken to have until its usage is known, where the request sets no limit."""
    prices: Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)] = Field(default_factory=dict)
    """US dollars for a million tokens of prompt and of answer, as `gpt-x=1.5/6,*=0.5/2`: budgets of money."""
    cache: float = 30.0
    """Seconds for which an edge remembers a tenant's tier and budgets. A change is told at once."""


class SealSettings(BaseSettings):
    """`JAN_SEAL_*`: the keys under which secrets lie in the database."""

    model_config = _section("JAN_SEAL_")

    keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_words), Field(min_length=1)] = (
        SecretStr(DEFAULT_SEAL_KEY),
    )
    """Each `name:secret`, secrets of at least 16 characters. The first seals, all open: to rotate, put a new
    one in front, run `jan secrets reseal`, and take the old one away."""


class WorkerSettings(BaseSettings):
    """`JAN_WORKER_*`: what every worker process shares."""

    model_config = _section("JAN_WORKER_")

    name: str = Field(default_factory=socket.gethostname)
    max_jobs: int = 512
    """Jobs that one process runs at once."""
    max_attempts: int = 3
    """Tries of one record in a row that may end with an unforeseen exception."""
    max_lost: int = 5
    """Attempts at one job whose worker died; one more is not made: the job itself may be the killer."""
    retry_delays: Delays = (10.0, 60.0, 600.0)
    """Seconds before each further attempt of a patient job, as `10,60,600`; fewer mean fewer attempts."""
    results_ttl: float = 25 * 3_600.0
    """Seconds that the answer of a keyed job is kept, which is longer than its key."""
    max_record: int = 4 * MIB
    """Bytes of a record; a larger one is no job of ours."""
    max_age: float = 86_400.0
    """Seconds after its deadline from which on a job is not even ended but put to the dead letters."""
    lease: float = 10.0
    """Seconds after which the jobs of a worker that renews no more may be taken over."""
    drain_timeout: float = 30.0
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None


class LedgerSettings(BaseSettings):
    """`JAN_LEDGER_*`: the ledger worker."""

    model_config = _section("JAN_LEDGER_")

    gather: float = 0.5
    """Seconds that events wait for company: most of a job's events then cost one row."""
    batch: int = 2_000
    """Most events of one transaction."""
    days: int = 30
    """Days for which a job's row is kept, as long as its events."""


class TelemetrySettings(BaseSettings):
    """`JAN_TELEMETRY_*`: logs, metrics and traces."""

    model_config = _section("JAN_TELEMETRY_")

    otlp_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Where traces go (OTLP over HTTP); None makes no spans and still passes trace ids on."""
    log_level: str = "INFO"


class StackSettings(BaseSettings):
    """`JAN_STACK_*`: the local stack, and which of its parts an address in the environment replaces."""

    model_config = _section("JAN_STACK_")

    home: Path = Path(".jan")
    """Data, logs and secrets of the stack."""
    cache: Path | None = None
    """Kafka's jars and class archive, the same for every stack; None keeps them in the home."""
    broker: Literal["kafka", "tansu"] = "kafka"
    """`tansu` starts the fallback broker though Apache Kafka could be had."""
    model_threads: int = 1
    """Threads of the local model: a second one gives a fifth more tokens, and spins where cores are busy."""
    given_kafka: str | None = Field(None, validation_alias="JAN_KAFKA_BOOTSTRAP")
    given_database: SecretStr | None = Field(None, validation_alias="JAN_DATABASE_URL")
    given_redis: SecretStr | None = Field(None, validation_alias="JAN_REDIS_URL")
    given_objects: str | None = Field(None, validation_alias="JAN_S3_ENDPOINT")
    given_provider: str | None = Field(None, validation_alias="JAN_PROVIDER_URL")


class Settings(BaseSettings):
    """All sections; built once in a composition root, which hands each function the section it needs."""

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    objects: ObjectSettings = Field(default_factory=ObjectSettings)
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

    @model_validator(mode="after")
    def _fails_only_in_tests(self) -> Self:
        if self.failpoints and self.environment != "test":
            message = f"JAN_FAILPOINTS is for JAN_ENVIRONMENT=test only; this is {self.environment}"
            raise ValueError(message)
        return self


def inherited_environment() -> dict[str, str]:
    """A copy of this process's environment, for a child process."""
    return dict(os.environ)  # noqa: TID251 - this is the one place
