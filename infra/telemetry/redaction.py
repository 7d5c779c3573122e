"""Takes secrets and prompts out of texts that go to logs and traces.

The last wall, not the first: nobody should log such a text. The markers are looked for before the patterns
run, so that an ordinary text costs about a microsecond.
"""

import re
from functools import lru_cache

HIDDEN = "[redacted]"
_MARKERS = (
    *("earer ", "asic ", "sk_", "sk-", "eyJ", "://", "input_value=", "X-Amz-"),
    *("assword", "ASSWORD", "ecret", "SECRET", "_token=", "_token:", "_token'", '_token"', "_token\\"),
)
_NAMES = r"(?:password|secret(?:_key)?|secret_access_key|(?:access|refresh|id)_token)"
_PATTERNS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?i)\b(bearer\s+)[\w.~+/=-]+", rf"\1{HIDDEN}"),
        (r"\b([Bb]asic\s+)[\w+/]{8,}={0,2}", rf"\1{HIDDEN}"),
        (r"\bsk[-_][\w-]{6,}", HIDDEN),
        (r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)*", HIDDEN),
        (r"(://[^\s:/@]*):[^\s@/]+@", rf"\1:{HIDDEN}@"),
        (r"(?s)input_value=(?:.*?(?=, input_type=)|.*)", f"input_value={HIDDEN}"),
        (r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+", rf"\1{HIDDEN}"),
        (rf"(?i)({_NAMES}[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}})]+", rf"\1{HIDDEN}"),
    )
)
_SECRET_WORDS = ("authorization", "password", "secret", "cookie", "api_key", "apikey", "token", "credential")
_CONTENT_NAMES = frozenset({"prompt", "messages", "content", "body", "input", "output", "arguments", "text"})


def redact(text: str) -> str:
    """The text without what looks like a secret."""
    if not is_suspect(text):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def is_suspect(text: str) -> bool:
    """Whether anything in the text may be a secret, at a glance."""
    return any(map(text.__contains__, _MARKERS))


@lru_cache(maxsize=1_024)
def is_secret_name(name: str) -> bool:
    """Whether a field of this name may hold a secret or a prompt; its text is never written."""
    lowered = name.lower()
    return lowered in _CONTENT_NAMES or any(word in lowered for word in _SECRET_WORDS)
