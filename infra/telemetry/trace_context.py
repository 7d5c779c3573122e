"""W3C trace context (www.w3.org/TR/trace-context) as text: checked, continued, or begun."""

import os
import re

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
MAX_TRACESTATE = 512
"""Characters that must be passed on; a longer list is dropped whole."""
_NOT_SAMPLED = "00"
_CURRENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LATER = re.compile(r"(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_LATER_LENGTH = 256
_PRINTABLE = re.compile(r"[\x20-\x7e]+")


def continued(traceparent: str | None) -> str | None:
    """A received traceparent in the form that is sent on, or None when there is none or it is malformed.

    A later version is read as far as this one knows it, as the standard asks.
    """
    if traceparent is None:
        return None
    if _CURRENT.fullmatch(traceparent):
        return traceparent
    if len(traceparent) <= _LATER_LENGTH and _LATER.fullmatch(traceparent):
        return f"00-{traceparent[3:53]}{int(traceparent[53:55], 16) & 1:02x}"
    return None


def continued_state(tracestate: str | None) -> str | None:
    """A received tracestate, or None when it is no header text or too long."""
    if not tracestate or len(tracestate) > MAX_TRACESTATE or not _PRINTABLE.fullmatch(tracestate):
        return None
    return tracestate


def begun() -> str:
    """The traceparent of a new trace that nobody records."""
    ids = os.urandom(24).hex()
    return f"00-{ids[:32]}-{ids[32:]}-{_NOT_SAMPLED}"


def trace_id_of(traceparent: str) -> str:
    """The 32 hexadecimal digits that name the trace."""
    return traceparent[3:35]
