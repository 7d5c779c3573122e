"""A trace collector: takes OTLP over HTTP in a thread of its own, and remembers the spans."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from typing_extensions import override

POLL = 0.05


class Collector:
    """The spans that were exported, by the processes of one product."""

    def __init__(self) -> None:
        self.url = ""
        """What OTEL_EXPORTER_OTLP_ENDPOINT takes."""
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Remember what one export brought."""
        with self._lock:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    self._spans.extend(scope.spans)

    def texts(self) -> list[str]:
        """Every span in words."""
        with self._lock:
            return [str(span) for span in self._spans]

    def trace(self, trace_id: str, until: Callable[[list[Span]], bool], limit: float) -> list[Span]:
        """The spans of a trace when they are as wanted, or as they are when the limit passes. Blocks."""
        end = time.monotonic() + limit
        while True:
            with self._lock:
                spans = [span for span in self._spans if span.trace_id.hex() == trace_id]
            if until(spans) or time.monotonic() > end:
                return spans
            time.sleep(POLL)


@contextmanager
def open_collector() -> Iterator[Collector]:
    """A collector that listens on a free port until the block ends."""
    collector = Collector()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(collector))
    thread = threading.Thread(target=server.serve_forever, name="collector")
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                collector.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
