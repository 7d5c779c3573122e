"""The production profile starts with no secret that everybody knows, and says all that is wrong at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import DEFAULT_AUTH_SECRET, DEFAULT_SEAL_KEY, Settings, inherited_environment
from infra.settings.production import CHECKS, unfit
from tests.house.composition import own_services

LIMIT = 30
GOOD = {
    "JAN_ENVIRONMENT": "production",
    "JAN_DATABASE_URL": "postgresql://jan:c0ffee5f3c9@127.0.0.1:1/jan",
    "JAN_S3_SECRET_KEY": "c0ffee5f3c9",
    "JAN_AUTH_SECRET": "c0ffee5f3c9c0ffee5f3c9c0ffee5f3c9",
    "JAN_SEAL_KEYS": "first:c0ffee5f3c9c0ffee5f3c9",
    "JAN_AUTH_ISSUER": "https://jan.example",
    "JAN_EDGE_METRICS_PORT": "9100",
}


@pytest.fixture(autouse=True)
def _production(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in inherited_environment() if name.startswith("JAN_")]:
        monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("room", CHECKS)
def test_a_room_starts_with_secrets_of_its_own(room: str) -> None:
    assert unfit(Settings(), room) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JAN_DATABASE_URL", "postgresql://jan:jan@db.example/jan"),
        ("JAN_DATABASE_URL", "postgresql://jan@db.example/jan"),
        ("JAN_S3_SECRET_KEY", "jan-secret"),
        ("JAN_S3_SECRET_KEY", ""),
        ("JAN_AUTH_SECRET", DEFAULT_AUTH_SECRET),
        ("JAN_AUTH_SECRET", "x" * 31),
        ("JAN_SEAL_KEYS", DEFAULT_SEAL_KEY),
        ("JAN_SEAL_KEYS", f"first:c0ffee5f3c9c0ffee5f3c9,{DEFAULT_SEAL_KEY}"),
        ("JAN_SEAL_KEYS", "first:short"),
        ("JAN_SEAL_KEYS", "c0ffee5f3c9c0ffee5f3c9"),
        ("JAN_AUTH_ISSUER", "http://jan.example"),
        ("JAN_OIDC_ISSUER", "http://keycloak:8080/realms/jan"),
        ("JAN_EDGE_CORS_ORIGINS", "https://jan.example,*"),
    ],
)
def test_the_edge_refuses_a_setting_that_will_not_do_without_telling_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    wrong = unfit(Settings(), "api_edge")

    assert [sentence.split()[0] for sentence in wrong] == [name]
    assert not value or value not in wrong[0]


def test_an_edge_without_a_metrics_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAN_EDGE_METRICS_PORT")

    assert [sentence.split()[0] for sentence in unfit(Settings(), "api_edge")] == ["JAN_EDGE_METRICS_PORT"]


@pytest.mark.parametrize("environment", ["development", "test"])
def test_outside_production_the_defaults_will_do(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JAN_ENVIRONMENT", environment)

    assert [unfit(Settings(), room) for room in CHECKS] == [[]] * len(CHECKS)


@pytest.mark.parametrize("room", ["workers.completion", "workers.ledger", "workers.retry"])
def test_a_worker_needs_no_secret_of_the_edge(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    for name in ("JAN_AUTH_SECRET", "JAN_EDGE_METRICS_PORT"):
        monkeypatch.delenv(name)
    if room != "workers.completion":  # it opens the keys of providers
        monkeypatch.delenv("JAN_SEAL_KEYS")

    assert unfit(Settings(), room) == []


def test_every_room_of_compose_is_asked(repository: Path) -> None:
    rooms = {service["command"][0] for service in own_services(repository).values()}

    assert rooms == CHECKS.keys()


def test_a_process_names_all_that_is_wrong_at_once_and_ends(repository: Path) -> None:
    done = started(repository, "api_edge", {"JAN_ENVIRONMENT": "production"})

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "api_edge does not start with these settings:",
        "- JAN_DATABASE_URL has no password, or the default one",
        "- JAN_S3_SECRET_KEY is the default",
        "- JAN_AUTH_SECRET is the default, or shorter than 32 characters",
        "- JAN_SEAL_KEYS holds the default, or a secret shorter than 16 characters",
        "- JAN_EDGE_METRICS_PORT is not set, so /metrics would be public",
    ]


@pytest.mark.parametrize("room", CHECKS)
def test_a_setting_that_cannot_be_read_is_named_without_its_value(repository: Path, room: str) -> None:
    done = started(repository, room, {"JAN_WORKER_MAX_JOBS": "sesame-5f3c9"})

    assert done.returncode == 1
    assert f"{room} does not start" in done.stderr
    assert "max_jobs" in done.stderr
    assert "sesame" not in done.stderr


def started(repository: Path, room: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A room that was started and ended by itself."""
    return subprocess.run(
        [sys.executable, "-m", room],
        cwd=repository,
        env={"PATH": "/usr/bin", **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
