"""What the load goes to: the upstream itself, or a product in front of it."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.bench.plan import Plan
from tests.bench.scenarios import Scenario

LOGIN_PATH = "/llm/auth/guest-login"
ANSWER_LIMIT = 10.0
HTTP_ERROR = 400


class TargetError(Exception):
    """A target did not answer as it must before a measurement."""


@dataclass(frozen=True)
class Target:
    """An OpenAI-compatible server. `pids` are the roots of its processes."""

    name: str
    host: str
    port: int
    prefix: str = ""
    pids: tuple[int, ...] = ()
    has_login: bool = False
    token: str | None = None

    def plan(self, scenario: Scenario, seconds: float) -> Plan:
        """A scenario's load on this target, with a fresh token."""
        return Plan(
            host=self.host,
            port=self.port,
            prefix=self.prefix,
            token=self.token or (self._login() if self.has_login else None),
            tokens=scenario.tokens,
            gap_us=scenario.gap_us,
            is_stream=scenario.is_stream,
            concurrency=scenario.concurrency,
            seconds=seconds,
            is_held=scenario.kind == "memory",
        )

    def ask(self, method: str, path: str) -> dict[str, object]:
        """One small request. Raises TargetError."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_LIMIT)
        try:
            connection.request(method, self.prefix + path, headers={"content-length": "0"})
            response = connection.getresponse()
            body = response.read()
        except OSError as error:
            raise TargetError(f"{self.name} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status >= HTTP_ERROR:
            raise TargetError(f"{self.name} answered {response.status} to {path}: {body[:200]!r}")
        answer: dict[str, object] = json.loads(body)
        return answer

    def _login(self) -> str:
        return str(self.ask("POST", LOGIN_PATH)["access_token"])


def target_at(name: str, url: str, **fields: str | tuple[int, ...] | bool | None) -> Target:
    """A target by its address, with or without /v1 at the end."""
    parts = urlsplit(url)
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    return Target(name, parts.hostname or "127.0.0.1", parts.port or 80, prefix, **fields)  # type: ignore[arg-type]
