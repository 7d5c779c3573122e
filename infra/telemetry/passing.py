"""Trace context without spans: passes received ids on unchanged, or begins a trace that nobody records.

Nothing is recorded here, so the parent of the next hop stays the last span that somebody did record.
"""

from infra.telemetry.spans import Attributes, SpanKind
from infra.telemetry.trace_context import begun, continued, continued_state, trace_id_of


class PassingSpan:
    """Only the context of a span."""

    __slots__ = ("traceparent", "tracestate")

    def __init__(self, traceparent: str, tracestate: str | None) -> None:
        self.traceparent = traceparent
        self.tracestate = tracestate

    @property
    def trace_id(self) -> str:
        """The trace's name in logs."""
        return trace_id_of(self.traceparent)

    def set(self, attributes: Attributes) -> None:
        """Nothing is kept."""

    def end(self, error: str | None = None) -> None:
        """Nothing is kept."""


class PassingTracing:
    """Passes trace context on."""

    def start(
        self,
        name: str,  # noqa: ARG002  the protocol's
        kind: SpanKind,  # noqa: ARG002  the protocol's
        parent: str | None = None,
        attributes: Attributes | None = None,  # noqa: ARG002  the protocol's
        tracestate: str | None = None,
    ) -> PassingSpan:
        """The context of the parent, or a new one."""
        kept = continued(parent)
        if kept is None:
            return PassingSpan(begun(), None)
        return PassingSpan(kept, continued_state(tracestate))
