"""compose.yaml agrees with the schema of Compose, and with the code that it starts."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest

from infra.settings import Settings
from infra.settings.production import unfit
from tests.house.composition import Service, own_services, read_compose, services
from tests.house.setting_names import setting_names

VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")
VARIABLE_FULL = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")
PROBED = re.compile(r"http://[^'\"\s]+")
LONG_ENOUGH_TO_DRAIN = 30


def environment(service: Service) -> dict[str, str | None]:
    found: dict[str, str | None] = service.get("environment") or {}
    return found


def filled_secrets(repository: Path, folder: Path) -> dict[str, str]:
    """What `just secrets` writes."""
    (folder / "infra/deploy").mkdir(parents=True)
    for name in ("justfile", "infra/deploy/compose.env.example"):
        shutil.copy(repository / name, folder / name)
    just = Path(sys.executable).parent / "just"
    subprocess.run([just, "secrets"], cwd=folder, check=True, timeout=20)
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match("[A-Z]", line))


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_compose_holds_the_schema_of_compose(repository: Path) -> None:
    vendored = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json")
    schema = json.loads(vendored.read_text(encoding="utf-8"))

    errors = list(jsonschema.validators.validator_for(schema)(schema).iter_errors(read_compose(repository)))

    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_services_of_the_product_are_named_as_their_rooms(repository: Path) -> None:
    rooms = {name: service for name, service in own_services(repository).items() if name != "provision"}

    assert rooms.keys() == {
        "api_edge",
        "workers.completion",
        "workers.media",
        "workers.tool",
        "workers.response",
        "workers.webhook",
        "workers.ledger",
        "workers.retry",
    }
    assert all(service["command"] == [name] for name, service in rooms.items())


def test_every_room_that_can_be_run_is_a_service(repository: Path) -> None:
    mains = [*repository.glob("api_edge/__main__.py"), *repository.glob("workers/*/__main__.py")]

    rooms = {".".join(path.parent.relative_to(repository).parts) for path in mains}

    assert rooms <= own_services(repository).keys()


def test_commands_name_modules_that_exist(repository: Path) -> None:
    modules = [service["command"][0] for service in own_services(repository).values()]

    missing = [module for module in modules if importlib.util.find_spec(module) is None]

    assert missing == []


def test_every_name_of_ours_in_the_environment_is_a_setting(repository: Path) -> None:
    used = {name for service in own_services(repository).values() for name in environment(service)}

    assert used - setting_names() == set()


def test_variables_from_outside_stand_in_the_example(repository: Path) -> None:
    text = (repository / "compose.yaml").read_text(encoding="utf-8")
    passed_on = {
        name
        for service in services(repository).values()
        for name, value in environment(service).items()
        if value is None
    }
    example = (repository / "infra/deploy/compose.env.example").read_text(encoding="utf-8")
    optional = {
        "IMAGE_TAG",
        "KAFKA_CLUSTER_ID",
        "JAN_TELEMETRY_LOG_LEVEL",
        "JAN_PROVIDER_NAME",
        "JAN_EDGE_CORS_ORIGINS",
    }

    offered = set(re.findall(r"(?m)^#?([A-Z]\w+)=", example))

    assert offered == (set(VARIABLE.findall(text)) | passed_on) - optional


def test_no_secret_has_a_default(repository: Path) -> None:
    text = (repository / "compose.yaml").read_text(encoding="utf-8")

    secret = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|SEAL)\w*)(:[-?])?", text)

    assert secret
    assert {how for _, how in secret} == {":?"}


def test_just_secrets_fills_what_the_production_profile_asks_of_every_room(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = filled_secrets(repository, tmp_path)

    for service in own_services(repository).values():
        room = service["command"][0]
        with monkeypatch.context() as patch:
            for key, value in environment(service).items():
                text = (
                    filled.get(key, "")
                    if value is None
                    else VARIABLE_FULL.sub(lambda found: filled.get(found[1], found[2] or ""), value)
                )
                if text:
                    patch.setenv(key, text)
            settings = Settings()

        assert settings.environment == "production"
        assert unfit(settings, room) == []
        assert room != "api_edge" or settings.limits.switch == "on"


@pytest.mark.parametrize(
    "name",
    [
        *("api_edge", "workers.completion", "workers.media", "workers.tool", "workers.response"),
        *("workers.webhook", "workers.ledger", "workers.retry"),
    ],
)
def test_probes_ask_a_route_that_is_served_on_a_port_that_is_served(repository: Path, name: str) -> None:
    service = services(repository)[name]
    asked = urlsplit(PROBED.findall(" ".join(service["healthcheck"]["test"]))[0])
    own = environment(service)

    assert asked.path == "/readyz"
    assert str(asked.port) in {own.get("JAN_EDGE_PORT"), own.get("JAN_WORKER_METRICS_PORT")}


def test_published_ports_are_those_of_the_api(repository: Path) -> None:
    edge = services(repository)["api_edge"]
    own = environment(edge)
    surfaces = dict(pair.split("=") for pair in str(own["JAN_EDGE_SURFACE_PORTS"]).split(","))

    published = {tuple(port.split(":")[-2:]) for port in edge["ports"]}

    assert surfaces == {"llm": "8080", "responses": "8082", "media": "8285", "mcp": "8091"}
    assert published == {(port, port) for port in [own["JAN_EDGE_PORT"], *surfaces.values()]}


def test_rooms_wait_until_what_they_need_is_healthy_and_provisioned(repository: Path) -> None:
    everything = services(repository)

    for service in everything.values():
        for name, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if name == "provision" else "service_healthy"
            assert wait["condition"] == expected
            assert name == "provision" or "test" in everything[name]["healthcheck"]
    talking = ("completion", "media", "tool", "response", "webhook")
    for name in ("api_edge", *(f"workers.{room}" for room in talking)):
        assert everything[name]["depends_on"].keys() == {"provision", "kafka", "valkey", "postgres", "minio"}
    assert everything["workers.ledger"]["depends_on"].keys() == {"provision", "kafka", "postgres"}
    assert everything["workers.retry"]["depends_on"].keys() == {"provision", "kafka"}


def test_every_service_is_bounded_and_says_how_it_is(repository: Path) -> None:
    for name, service in services(repository).items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert name == "provision" or "healthcheck" in service, name
        assert service["restart"] == ("no" if name == "provision" else "unless-stopped"), name


def test_images_are_pinned(repository: Path) -> None:
    images = [service["image"] for service in services(repository).values()]

    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []


def test_rooms_run_with_no_more_rights_than_they_need(repository: Path) -> None:
    for service in own_services(repository).values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_rooms_get_more_time_to_stop_than_they_take_to_drain(repository: Path) -> None:
    settings = Settings()

    assert settings.edge.drain_timeout <= LONG_ENOUGH_TO_DRAIN
    assert settings.worker.drain_timeout <= LONG_ENOUGH_TO_DRAIN
    for name in (
        "api_edge",
        "workers.completion",
        "workers.media",
        "workers.tool",
        "workers.response",
        "workers.webhook",
        "workers.ledger",
        "workers.retry",
    ):
        assert seconds(services(repository)[name]["stop_grace_period"]) > LONG_ENOUGH_TO_DRAIN


def test_named_volumes_are_declared_and_used(repository: Path) -> None:
    document = read_compose(repository)
    mounts = [mount for service in services(repository).values() for mount in service.get("volumes", [])]
    sources = {mount.split(":")[0] for mount in mounts}

    assert {source for source in sources if not source.startswith(".")} == document["volumes"].keys()
    assert [
        source for source in sources if source.startswith(".") and not (repository / source).exists()
    ] == []


def test_kafka_is_the_version_of_the_local_stack(repository: Path) -> None:
    jars = (repository / "infra/embedded/kafka.lock").read_text(encoding="utf-8")
    version = re.search(r"org\.apache\.kafka:kafka_2\.13:(\S+)", jars)

    assert version is not None
    assert services(repository)["kafka"]["image"] == f"apache/kafka:{version[1]}"
