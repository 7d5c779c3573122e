"""Log lines are events with fields, of one form, without secrets, whoever logs."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from faststream._internal.logger import logger as faststream_logger
from typing_extensions import override

from infra.settings import TelemetrySettings
from infra.telemetry.log_fields import log_fields
from infra.telemetry.logs import MAX_TEXT, OWN_HANDLERS, QUIET, open_logs

CANARY = "c4n4ry"
LIMIT = 20
CRASH = """
from infra.settings import TelemetrySettings
from infra.telemetry.logs import open_logs

open_logs(TelemetrySettings(), "worker")
raise ConnectionError("postgresql://jan:c4n4ry@db")
"""


class Terminal(io.StringIO):
    """What a person watches."""

    @override
    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is the process's: leave it as it was."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in (*QUIET, *OWN_HANDLERS))]
    before = [(logger, logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    hook = sys.excepthook
    yield
    sys.excepthook = hook
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What an edge writes to its standard error."""
    return opened(monkeypatch, io.StringIO())


def opened(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, level: str = "info") -> io.StringIO:
    """Open logs on this standard error."""
    monkeypatch.setattr(sys, "stderr", stream)
    open_logs(TelemetrySettings(log_level=level), "edge")
    return stream


def failing(text: str) -> None:
    """Fail."""
    raise ConnectionError(text)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    """What was logged; each line is one JSON object."""
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_tells_the_event_and_its_fields(written: io.StringIO) -> None:
    log = logging.getLogger("workers.completion")

    log.info("job_finished", extra={"job_id": "01J", "attempt": 1, "seconds": 0.8, "model": None, "ok": True})

    (line,) = lines(written)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info",
        "event": "job_finished",
        "service": "edge",
        "logger": "workers.completion",
        "job_id": "01J",
        "attempt": 1,
        "seconds": 0.8,
        "model": None,
        "ok": True,
    }


def test_fields_that_are_bound_are_on_every_line_inside_and_on_none_after(written: io.StringIO) -> None:
    log = logging.getLogger("edge")

    with log_fields({"request_id": "req_1", "trace_id": "a" * 32}):
        with log_fields({"job_id": "01J"}):
            log.info("inner", extra={"request_id": "own"})
        log.info("outer")
    log.info("after")

    inner, outer, after = lines(written)
    assert (inner["request_id"], inner["job_id"], inner["trace_id"]) == ("own", "01J", "a" * 32)
    assert outer["request_id"] == "req_1"
    assert "job_id" not in outer
    assert "request_id" not in after


def test_no_secret_reaches_a_line_by_any_way(written: io.StringIO) -> None:
    log = logging.getLogger("edge")

    log.warning("calling with Bearer %s", CANARY)
    log.info(
        "odd", extra={"reason": f"sk_{CANARY}1234", "api_key": CANARY, "prompt": CANARY, "messages": [CANARY]}
    )
    with log_fields({"authorization": CANARY}):
        log.info("bound")
    try:
        failing(f"postgresql://jan:{CANARY}@db")
    except ConnectionError:
        log.exception("database_lost")

    assert CANARY not in written.getvalue()
    assert len(lines(written)) == 4


def test_numbers_are_told_whatever_their_name(written: io.StringIO) -> None:
    logging.getLogger("edge").info("usage", extra={"input_tokens": 7, "token_seconds": 0.1})

    assert lines(written)[0]["input_tokens"] == 7
    assert lines(written)[0]["token_seconds"] == 0.1


def test_an_exception_is_one_field_of_one_line(written: io.StringIO) -> None:
    try:
        failing("first\nsecond")
    except ConnectionError:
        logging.getLogger("edge").exception("failed")

    (line,) = lines(written)
    assert line["error"].startswith("Traceback")
    assert line["error"].endswith("ConnectionError: first\nsecond")


def test_a_text_from_outside_cannot_forge_a_line_nor_fill_the_disk(written: io.StringIO) -> None:
    logging.getLogger("edge").info(
        "odd", extra={"reason": '"}\n{"event": "forged"}', "path": "/" * 1_000_000}
    )

    (line,) = lines(written)
    assert line["reason"] == '"}\n{"event": "forged"}'
    assert len(line["path"]) < MAX_TEXT + 10


def test_libraries_are_heard_from_warning_on(written: io.StringIO) -> None:
    for name in QUIET:
        logging.getLogger(f"{name}.inner").info("chatter")
        logging.getLogger(f"{name}.inner").warning("trouble")

    assert [line["event"] for line in lines(written)] == ["trouble"] * len(QUIET)


def test_libraries_that_bring_handlers_speak_through_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uvicorn.Config("none:none", log_level="info")
    written = opened(monkeypatch, io.StringIO())

    logging.getLogger("uvicorn.error").info("started")
    faststream_logger.warning("trouble")

    assert [line["event"] for line in lines(written)] == ["started", "trouble"]


def test_opening_again_writes_each_line_once(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch, written)

    logging.getLogger("edge").info("once")

    assert len(lines(written)) == 1


def test_the_level_is_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    written = opened(monkeypatch, io.StringIO(), "ERROR")

    logging.getLogger("edge").warning("unheard")
    logging.getLogger("aiokafka").warning("unheard")
    logging.getLogger("edge").error("heard")

    assert [line["event"] for line in lines(written)] == ["heard"]


def test_a_person_at_a_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = opened(monkeypatch, Terminal())

    logging.getLogger("edge").info("job_finished", extra={"job_id": "01J", "reason": f"Bearer {CANARY}"})
    try:
        failing("bad")
    except ConnectionError:
        logging.getLogger("edge").exception("failed")

    first, *rest = terminal.getvalue().splitlines()
    assert "INFO    job_finished job_id=01J reason=Bearer [redacted]" in first
    assert rest[-1] == "ConnectionError: bad"


def test_a_crash_of_the_process_is_an_event_too() -> None:
    crashed = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, timeout=LIMIT, check=False)

    line = json.loads(crashed.stderr)
    assert crashed.returncode == 1
    assert (line["level"], line["event"], line["service"]) == ("critical", "process_crashed", "worker")
    assert "ConnectionError: postgresql://jan:[redacted]@db" in line["error"]
