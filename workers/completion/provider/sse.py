"""Server-sent events to payloads (html.spec.whatwg.org, section 9.2), for bytes that come in any pieces.

The common case, whole events of one `data:` line each, is one split per read. Comments, `event:`, `id:` and
`retry:` lines carry nothing for us. JSON text has no bare carriage return, so line ends are made alike first.
"""

from pydantic_core import from_json

from contracts.errors import ApiError, ErrorCode
from workers.completion.core import DONE

BOM = b"\xef\xbb\xbf"
LINE_ENDS = 3
"""Bytes behind a line that may wait with it: of `\\r\\n\\r\\n` all but the last."""
_FIELD = b"data: "


class Events:
    """The events of one stream."""

    def __init__(self, max_line: int) -> None:
        self._max_line = max_line
        self._pieces: list[bytes] = []
        self._held = 0
        self._began = False

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are whole with these bytes. Raises ApiError when one is too long."""
        edge = self._pieces[-1][-1:] if self._pieces else b""
        if not _may_end_event(edge + data):
            self._hold(data)
            return []
        if self._pieces:
            data = b"".join((*self._pieces, data))
            self._pieces.clear()
            self._held = 0
        if not self._began:
            self._began = True
            data = data.removeprefix(BOM)
        *events, rest = _alike(data).split(b"\n\n")
        self._hold(rest)
        return self._payloads(events)

    def end(self) -> list[bytes]:
        """The last payload, where a server closed without the blank line behind it; never half a payload."""
        rest = b"".join(self._pieces).removeprefix(BOM)
        payload = _payload(_alike(rest + b"\n"))
        return [payload] if payload and _is_whole(payload) else []

    def _hold(self, rest: bytes) -> None:
        if not rest:
            return
        self._held += len(rest)
        if self._held > self._max_line + LINE_ENDS:
            raise self._too_long()
        self._pieces.append(rest)

    def _payloads(self, events: list[bytes]) -> list[bytes]:
        payloads = []
        for event in events:
            if len(event) > self._max_line:
                raise self._too_long()
            payload = event[6:] if event.startswith(_FIELD) and b"\n" not in event else _payload(event)
            if payload:
                payloads.append(payload)
        return payloads

    def _too_long(self) -> ApiError:
        limit = f"{self._max_line:,} bytes"
        return ApiError(ErrorCode.PROVIDER_BAD_ANSWER, f"The provider sent a line of more than {limit}.")


def _may_end_event(data: bytes) -> bool:
    return b"\n\n" in data or b"\r" in data


def _alike(data: bytes) -> bytes:
    """The data with `\\n` for every line end; a last `\\r` waits for its `\\n`."""
    if b"\r" not in data:
        return data
    last = data.endswith(b"\r")
    body = data[:-1] if last else data
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if last else b"")


def _payload(event: bytes) -> bytes:
    """The data lines of an event, joined; empty when it has none."""
    lines = []
    for line in event.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines)


def _is_whole(payload: bytes) -> bool:
    try:
        from_json(payload)
    except ValueError:
        return payload.strip() == DONE
    return True
