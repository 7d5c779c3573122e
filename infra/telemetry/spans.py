"""What the product knows of a span, whoever records it."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

from infra.telemetry.names import Attribute

AttributeValue = str | int | float | bool | Sequence[str]
Attributes = Mapping[Attribute, AttributeValue]


class SpanKind(Enum):
    """Which side of which call a span is."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """One timed piece of a trace. It must be ended; ending it again does nothing."""

    @property
    def traceparent(self) -> str:
        """What the next hop gets as its `traceparent`."""

    @property
    def tracestate(self) -> str | None:
        """What the next hop gets as its `tracestate`."""

    @property
    def trace_id(self) -> str:
        """The trace's name in logs: 32 hexadecimal digits."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def end(self, error: str | None = None) -> None:
        """End the span; `error` is a code from contracts.errors, never a text of somebody else's."""


class Tracing(Protocol):
    """Begins spans."""

    def start(
        self,
        name: str,
        kind: SpanKind,
        parent: str | None = None,
        attributes: Attributes | None = None,
        tracestate: str | None = None,
    ) -> Span:
        """Begin a span below `parent`, a traceparent; a malformed one is ignored."""
