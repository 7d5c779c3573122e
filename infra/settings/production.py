"""What a process of the production profile refuses to start with: secrets that everybody knows, open doors.

Each room is asked for what it uses only, so that none needs the secrets of another.
"""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from infra.settings.identity import DEFAULT_AUTH_SECRET
from infra.settings.objects import ObjectSettings
from infra.settings.seal import DEFAULT_SEAL_KEY
from infra.settings.whole import Settings

LEAST_AUTH_SECRET = 32
LEAST_SEAL_SECRET = 16
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
KNOWN_PASSWORDS = frozenset({None, "", "jan"})

Check = Callable[[Settings], Iterator[str]]
"""Yields a sentence for each setting that won't do, never its value."""


def unfit(settings: Settings, room: str) -> list[str]:
    """What this room may not start with in production, one sentence each; none outside production."""
    if settings.environment != "production":
        return []
    return [sentence for check in CHECKS[room] for sentence in check(settings)]


def _database(settings: Settings) -> Iterator[str]:
    if urlsplit(settings.database.url.get_secret_value()).password in KNOWN_PASSWORDS:
        yield "JAN_DATABASE_URL has no password, or the default one"


def _objects(settings: Settings) -> Iterator[str]:
    default = ObjectSettings.model_fields["secret_key"].default
    if settings.objects.secret_key.get_secret_value() in {"", default.get_secret_value()}:
        yield "JAN_S3_SECRET_KEY is the default"


def _auth_secret(settings: Settings) -> Iterator[str]:
    secret = settings.identity.secret.get_secret_value()
    if secret == DEFAULT_AUTH_SECRET or len(secret) < LEAST_AUTH_SECRET:
        yield f"JAN_AUTH_SECRET is the default, or shorter than {LEAST_AUTH_SECRET} characters"


def _seal_keys(settings: Settings) -> Iterator[str]:
    keys = [key.get_secret_value() for key in settings.seal.keys]
    if DEFAULT_SEAL_KEY in keys or any(len(key.partition(":")[2]) < LEAST_SEAL_SECRET for key in keys):
        yield f"JAN_SEAL_KEYS holds the default, or a secret shorter than {LEAST_SEAL_SECRET} characters"


def _issuers(settings: Settings) -> Iterator[str]:
    for name, address in (
        ("JAN_AUTH_ISSUER", settings.identity.issuer),
        ("JAN_OIDC_ISSUER", settings.oidc.issuer),
    ):
        parts = urlsplit(address or "")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            yield f"{name} is plain http to another machine"


def _edge(settings: Settings) -> Iterator[str]:
    if settings.edge.metrics_port is None:
        yield "JAN_EDGE_METRICS_PORT is not set, so /metrics would be public"
    if "*" in settings.edge.cors_origins:
        yield "JAN_EDGE_CORS_ORIGINS lets every origin in"


CHECKS: dict[str, tuple[Check, ...]] = {
    "api_edge": (_database, _objects, _auth_secret, _seal_keys, _issuers, _edge),
    "workers.completion": (_database, _objects, _seal_keys),
    "workers.media": (_database, _objects),
    "workers.tool": (_database, _objects, _seal_keys),
    "workers.response": (_database, _objects),
    "workers.webhook": (_database, _objects, _seal_keys),
    "workers.ledger": (_database,),
    "workers.retry": (),
    "infra.provision": (_database, _objects, _auth_secret, _seal_keys),
}
"""By room, as it is started: `python -m <room>`."""
