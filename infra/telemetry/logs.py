"""Logs are events with fields: one JSON object a line on standard error, or a plain line on a terminal.

    log = logging.getLogger(__name__)
    log.info("job_finished", extra={"job_id": job_id, "attempt": 1, "seconds": 0.8})

A field whose name promises a secret or a prompt is not written, and what looks like a secret inside other
texts, exceptions included, is taken out.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType

from typing_extensions import override

from infra.settings import TelemetrySettings
from infra.telemetry.log_fields import LogValue, bound_fields
from infra.telemetry.redaction import HIDDEN, is_secret_name, is_suspect, redact

MAX_TEXT = 8_192
"""Characters of one text in a line; a longer one is cut."""
QUIET = (
    "aiohttp.access",
    "aiokafka",
    "asyncio",
    "authlib",
    "faststream",
    "opentelemetry",
    "sqlalchemy",
    "urllib3",
    "uvicorn.access",
)
"""Libraries heard from WARNING on: what they tell at INFO, our own events say with ids."""
OWN_HANDLERS = ("uvicorn", "uvicorn.access", "uvicorn.error", "faststream")
"""Loggers that bring handlers; theirs are taken away, so that all lines have one form."""
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class JsonLines(logging.Formatter):
    """One JSON object for each record: when, level, event, then its fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, LogValue] = {
            "at": _moment(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": _cut(record.getMessage()),
            "service": self._service,
            "logger": record.name,
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = _error(self, record)
        text = json.dumps(line, ensure_ascii=False)
        return json.dumps(_redacted(line), ensure_ascii=False) if is_suspect(text) else text


class PlainLines(logging.Formatter):
    """A line for a person who watches: time, level, event, fields."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        time = _moment(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{time} {record.levelname:<7} {_cut(record.getMessage())}{fields}"
        return redact(f"{line}\n{_error(self, record)}" if record.exc_info else line)


def open_logs(settings: TelemetrySettings, service: str) -> None:
    """Send the logs of this process to standard error, one form for all; call it first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines() if sys.stderr.isatty() else JsonLines(service))
    root = logging.getLogger()
    for replaced in [own for own in root.handlers if type(own) is logging.StreamHandler]:
        root.removeHandler(replaced)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    sys.excepthook = _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("jan").critical("process_crashed", exc_info=(kind, error, trace))


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> dict[str, LogValue]:
    given = {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}
    return {name: _field(name, value) for name, value in {**bound_fields(), **given}.items()}


def _field(name: str, value: object) -> LogValue:
    if value is None or isinstance(value, bool | int | float):
        return value
    return HIDDEN if is_secret_name(name) else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


def _error(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = formatter.formatException(record.exc_info) if record.exc_info else ""
    return text if len(text) <= MAX_TEXT else "..." + text[-MAX_TEXT:]


def _redacted(line: dict[str, LogValue]) -> dict[str, LogValue]:
    return {name: redact(value) if isinstance(value, str) else value for name, value in line.items()}
