"""What an answer says of its caller's limits, in OpenAI's headers and in the plain ones."""

import math

from infra.limits.gate import TENTHS, Entry

NAMES = (
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
)
"""Requests are counted in chat completions; resets say when all is there again, the last one in seconds."""
_ENCODED = tuple(name.encode() for name in NAMES)

Headers = list[tuple[bytes, bytes]]


def limit_headers(entry: Entry) -> Headers:
    """The headers of an answer."""
    allowance, requests, tokens = entry.allowance, entry.verdict.requests, entry.verdict.tokens
    limit, remaining = b"%d" % allowance.requests, b"%d" % (requests.left // TENTHS)
    values = (
        limit,
        remaining,
        duration(requests.full_in),
        b"%d" % allowance.tokens,
        b"%d" % tokens.left,
        duration(tokens.full_in),
        limit,
        remaining,
        b"%d" % math.ceil(requests.full_in),
    )
    return list(zip(_ENCODED, values, strict=True))


def duration(seconds: float) -> bytes:
    """As OpenAI writes it: `120ms`, `1s`, `6m0s`."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:  # noqa: PLR2004  a second
        return b"%dms" % milliseconds if milliseconds else b"0s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return b"%dm%ds" % (minutes, rest) if minutes else b"%ds" % rest
