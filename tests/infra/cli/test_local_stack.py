"""The whole stack from the command line: up, used, looked at, down, and nothing left."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.embedded.home import open_home
from infra.embedded.place import Place
from infra.embedded.state import Identity, Phase, StackState, read_state
from infra.settings import inherited_environment

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

LIMIT = 180.0
Jan = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jan") / "home"


@pytest.fixture(scope="module")
def jan(root: Path, place: Place) -> Iterator[Jan]:
    """The command, on a home of its own; what it started is taken down at the end."""
    settings = {"JAN_STACK_HOME": str(root), "JAN_STACK_CACHE": str(place.home.cache), "COLUMNS": "200"}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "infra.cli.main", *words]
        environment = without_settings(inherited_environment()) | settings
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )

    yield call
    call("down")


def without_settings(environment: dict[str, str]) -> dict[str, str]:
    """The environment of one who has configured nothing."""
    return {name: value for name, value in environment.items() if not name.startswith("JAN_")}


def state_of(root: Path) -> StackState:
    state = read_state(open_home(root).state)
    assert state is not None
    return state


def identities(state: StackState) -> list[Identity]:
    return [state.supervisor, *(part.identity for part in state.parts.values() if part.identity)]


def test_status_before_anything_was_started(jan: Jan) -> None:
    said = jan("status")

    assert said.returncode == 3
    assert "Nothing runs" in said.stdout


def test_up_starts_everything_and_says_where_to_go(jan: Jan, root: Path) -> None:
    said = jan("up", "--detach", "--timings")

    assert said.returncode == 0, said.stderr
    assert re.search(r"Ready after \d", said.stdout)
    assert re.search(r"kafka +\d+\.\d s +\d+\.\d s", said.stdout)
    assert "/api/swagger/index.html" in said.stdout
    assert "jan demo" in said.stdout
    assert state_of(root).phase is Phase.READY


def test_a_second_up_says_that_it_runs(jan: Jan) -> None:
    said = jan("up")

    assert said.returncode == 0
    assert "runs already" in said.stdout


def test_the_edge_answers_on_the_gateway_and_the_surface_ports(root: Path) -> None:
    environment = state_of(root).environment
    surfaces = dict(pair.split("=") for pair in environment["JAN_EDGE_SURFACE_PORTS"].split(","))

    for port in (environment["JAN_EDGE_PORT"], *surfaces.values()):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert answer.status == 200
    assert set(surfaces) == {"llm", "responses", "media", "mcp"}


def test_the_models_of_the_local_provider_are_offered(root: Path) -> None:
    environment = state_of(root).environment

    with urllib.request.urlopen(environment["JAN_PROVIDER_URL"] + "/models", timeout=10) as answer:  # noqa: S310
        offered = json.load(answer)

    assert [model["id"] for model in offered["data"]] == ["smollm2-135m-instruct"]


PARTS = (
    *("kafka", "postgres", "valkey", "s3", "model", "embeddings"),
    *("edge", "completion", "response", "media", "tool", "webhook", "ledger", "retry"),
)


def test_status_shows_each_part_as_ready(jan: Jan) -> None:
    said = jan("status")

    assert said.returncode == 0
    for part in PARTS:
        assert re.search(rf"{part} +ready +\d+ +0:\d\d:\d\d +0 ", said.stdout), said.stdout


def test_logs_of_one_part_are_shown(jan: Jan) -> None:
    said = jan("logs", "provision")

    assert said.returncode == 0
    assert "topics" in said.stdout


def test_logs_of_an_unknown_part_name_the_known_ones(jan: Jan) -> None:
    said = jan("logs", "nobody")

    assert said.returncode == 1
    assert "valkey" in said.stderr


def test_down_leaves_nothing(jan: Jan, root: Path) -> None:
    started = identities(state_of(root))

    said = jan("down")

    assert said.returncode == 0
    assert len(started) == 1 + len(PARTS)  # and who watches over them
    assert [one for one in started if one.process() is not None] == []
    assert "Nothing runs" in jan("down").stdout
