"""Reading one answer: when its first token came, how long each travelled, and whether anything is missing."""

import json
import re
import time
from typing import Any

from typing_extensions import override

STAMP = re.compile(rb'"content":\s*"(\d{6,})"')
EVENT_END = b"\n\n"
DATA = b"data:"
OK = 200
EXAMPLE_BYTES = 300


class Reading:
    """What every answer has: its start, its status, and at the end a problem or none."""

    def __init__(self) -> None:
        self.started_ns = time.monotonic_ns()
        self.status = 0
        self.ended_ns = 0
        self.example = ""
        """The beginning of an answer that has a problem."""
        self._body = b""

    def feed(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body += body

    def problem(self) -> str | None:
        """What is wrong with the answer, now that it has ended; a short name, to be counted."""
        if self.status != OK:
            self.example = self._body[:EXAMPLE_BYTES].decode(errors="replace")
            return f"http_{self.status}"
        return self._missing()

    def _missing(self) -> str | None:
        return None


class WholeReading(Reading):
    """An answer that is one JSON object."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self._expected = tokens

    @override
    def _missing(self) -> str | None:
        try:
            answer = json.loads(self._body)
            choice = answer["choices"][0]
            has_text = bool(choice["message"]["content"])
            finish, counted = choice["finish_reason"], answer["usage"]["completion_tokens"]
        except (ValueError, LookupError, TypeError):
            self.example = self._body[:EXAMPLE_BYTES].decode(errors="replace")
            return "bad_answer"
        return _first_of(
            missing_text=not has_text,
            missing_finish=finish != "stop",
            missing_usage=counted != self._expected,
        )


class StreamReading(Reading):
    """A stream. Its stamps must rise: a token that is repeated or out of order is seen by its stamp."""

    def __init__(self, tokens: int, transit_ns: list[int]) -> None:
        super().__init__()
        self.first_ns = 0
        self.tokens = 0
        self._expected = tokens
        self._transit_ns = transit_ns
        self._last_stamp = 0
        self._is_disordered = False
        self._has_finish = False
        self._has_done = False
        self._usage: dict[str, Any] | None = None
        self._error = ""

    @override
    def feed(self, body: bytes) -> None:
        """Take a part of the body: whole events, or pieces of them."""
        if self.status != OK:
            super().feed(body)
            return
        now = time.monotonic_ns()
        *events, self._body = (self._body + body).split(EVENT_END)
        for event in events:
            found = STAMP.search(event)
            if found:
                self._on_token(int(found[1]), now)
            else:
                self._on_other(event)

    def _on_token(self, stamp: int, now: int) -> None:
        if not self.tokens:
            self.first_ns = now
        self.tokens += 1
        self._transit_ns.append(now - stamp)
        if stamp <= self._last_stamp:
            self._is_disordered = True
        self._last_stamp = stamp

    def _on_other(self, event: bytes) -> None:
        for line in event.split(b"\n"):
            if line.startswith(DATA):
                self._on_data(line[len(DATA) :].strip())

    def _on_data(self, data: bytes) -> None:
        if data == b"[DONE]":
            self._has_done = True
            return
        try:
            chunk = json.loads(data)
        except ValueError:
            chunk = {"error": "not JSON"}
        if "error" in chunk:
            self._error = self.example = data[:EXAMPLE_BYTES].decode(errors="replace")
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices", ()):
            self._has_finish = self._has_finish or choice.get("finish_reason") is not None

    @override
    def _missing(self) -> str | None:
        counted = (self._usage or {}).get("completion_tokens")
        return _first_of(
            error_frame=bool(self._error),
            disordered_tokens=self._is_disordered,
            missing_tokens=self.tokens != self._expected,
            missing_finish=not self._has_finish,
            missing_usage=counted != self._expected,
            missing_done=not self._has_done,
        )


def _first_of(**claims: bool) -> str | None:
    return next((name for name, is_so in claims.items() if is_so), None)
