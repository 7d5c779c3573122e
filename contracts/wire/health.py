"""Health, readiness and version, for probes and people."""

from typing import Literal

from contracts.base import WireShape


class Health(WireShape):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Check(WireShape):
    """One dependency: whether it answered, how fast, and if not, why."""

    name: str
    ok: bool
    needed: bool
    milliseconds: float
    error: str | None = None


class Readiness(WireShape):
    """Whether this process can do its work now."""

    status: Literal["ready", "unready"]
    checks: list[Check]


class Version(WireShape):
    """What runs here."""

    name: str
    version: str
    python: str
