"""Dashboards and alerts ask for metrics that exist, of services that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.telemetry.names import Metric
from tests.house.composition import services

OURS = re.compile(r"\bjan_[a-z_]+")
PARTS_OF_HISTOGRAM = ("_bucket", "_count", "_sum")


def known(name: str) -> bool:
    """Whether the code makes this metric; Prometheus gives a histogram three names."""
    whole = next((name.removesuffix(part) for part in PARTS_OF_HISTOGRAM if name.endswith(part)), name)
    return whole in set(Metric)


def queries(repository: Path) -> list[str]:
    alerts = yaml.safe_load((repository / "infra/deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    board = json.loads((repository / "infra/deploy/grafana/dashboards/jan.json").read_text(encoding="utf-8"))
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    return rules + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_every_metric_that_is_asked_for_exists(repository: Path) -> None:
    asked = {name for query in queries(repository) for name in OURS.findall(query)}

    assert {name for name in asked if not known(name)} == set()


@pytest.fixture(scope="module")
def scraped(repository: Path) -> list[dict[str, Any]]:
    """The scrape configurations of Prometheus."""
    text = (repository / "infra/deploy/prometheus/prometheus.yml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["scrape_configs"]
    return found


def test_every_room_with_a_metrics_port_is_scraped_there(
    repository: Path, scraped: list[dict[str, Any]]
) -> None:
    ports = {
        name: int(value)
        for name, service in services(repository).items()
        for key, value in (service.get("environment") or {}).items()
        if key.endswith("_METRICS_PORT")
    }

    targets = {job["job_name"]: job["dns_sd_configs"][0] for job in scraped}

    assert {name: target["port"] for name, target in targets.items()} == ports
    assert all(target["names"] == [name] for name, target in targets.items())


def test_data_sources_are_services(repository: Path) -> None:
    path = repository / "infra/deploy/grafana/provisioning/datasources/datasources.yaml"
    urls = [source["url"] for source in yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]]

    hosts = {re.sub(r"http://([\w.]+):\d+", r"\1", url) for url in urls}

    assert hosts <= services(repository).keys()
