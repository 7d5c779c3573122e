"""Attributes are those of the conventions, and metrics are named as Prometheus asks."""

import importlib
import pkgutil
import re

from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes as incubating
from opentelemetry.semconv._incubating.attributes.messaging_attributes import MessagingSystemValues

from infra.telemetry.names import KAFKA, Attribute, Metric, Operation

OWN = "jan."


def test_attributes_that_are_not_our_own_are_of_the_conventions() -> None:
    known = {
        value
        for package in (stable, incubating)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, str)
    }

    assert [name for name in Attribute if not name.startswith(OWN) and name not in known] == []
    assert MessagingSystemValues.KAFKA.value == KAFKA


def test_no_attribute_could_hold_a_prompt_or_a_secret() -> None:
    content = re.compile(r"prompt|completion|messages|instructions|arguments|query|header|authorization|key$")

    assert [name for name in Attribute if content.search(name) and name is not Attribute.KAFKA_KEY] == []


def test_metrics_are_the_products_own() -> None:
    assert [name for name in Metric if not re.fullmatch(r"jan_[a-z]+(_[a-z]+)*", name)] == []


def test_a_span_is_named_by_its_operation_and_its_target() -> None:
    assert Operation.PROCESS.span("events.v1") == "process events.v1"
