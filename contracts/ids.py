"""Names of things: ULIDs (github.com/ulid/spec), alone or behind a prefix that tells their kind."""

import hashlib
import os
import re
import threading
import time
from datetime import datetime

JOB_ID_LENGTH = 26
CHAT_PREFIX = "chatcmpl-"
LEGACY_PREFIX = "cmpl-"
CONVERSATION = "conv_"
PROJECT = "proj_"
PROVIDER = "prov_"
PROVIDER_MODEL = "pmdl_"
SHARE = "shr_"
MEDIA = "jan_"
RESPONSE = "resp_"
WEBHOOK = "wh_"
EVENT = "evt_"
DELIVERY = "whd_"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)
_RANDOM_BITS = 80
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_MEDIA = re.compile(r"jan_[0-7][0-9a-hjkmnp-tv-z]{25}")
_NAMED = re.compile(r"[a-z]{1,8}_[0-7][0-9A-HJKMNP-TV-Z]{25}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class UlidClock:
    """Makes ULIDs that rise within one process, also inside one millisecond and when the clock steps back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        """The next ULID: 26 characters of Crockford's base 32."""
        fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | int.from_bytes(os.urandom(10), "big")
        with self._lock:
            self._last = max(self._last + 1, fresh)
            return _encode(self._last)


_clock = UlidClock()


def new_ulid() -> str:
    """A new ULID, rising within this process."""
    return _clock.next()


def new_request_id() -> str:
    """A request id for a request that brought none."""
    return "req_" + new_ulid()


def is_request_id(value: str) -> bool:
    """Whether a client's own request id is kept: 1 to 128 letters, digits or `._:-`."""
    return _REQUEST_ID.fullmatch(value) is not None


def is_ulid(value: str) -> bool:
    """Whether a text is a ULID in its canonical upper case."""
    return _ULID.fullmatch(value) is not None


def new_id(prefix: str) -> str:
    """A new id of a kind, such as `conv_01J...`: of one kind, ids sort by age."""
    return prefix + new_ulid()


def is_id(value: str, prefix: str) -> bool:
    """Whether a text has the form of an id of this kind."""
    return value.startswith(prefix) and _NAMED.fullmatch(value) is not None


def response_id(job_id: str) -> str:
    """The public id of a response, from which its job is found again: what follows the prefix."""
    return RESPONSE + job_id


def media_id(job_id: str) -> str:
    """The id of the media that a job takes in."""
    return MEDIA + job_id.lower()


def is_media_id(value: str) -> bool:
    """Whether a text has the form of an id of media: `jan_` and a ULID in lower case."""
    return _MEDIA.fullmatch(value) is not None


def event_id(object_id: str, tenant: str, event_type: str) -> str:
    """The id of what happened to an object, such as a response that completed: always the same one.

    Raises ValueError where the object's id does not end in a ULID.
    """
    ulid = object_id[-JOB_ID_LENGTH:]
    if not is_ulid(ulid):
        message = f"{object_id!r} does not end in a ULID"
        raise ValueError(message)
    return EVENT + derived_ulid(ulid, f"{tenant} {event_type}")


def chat_id(job_id: str) -> str:
    """The public id of a chat completion, from which its job is found again."""
    return CHAT_PREFIX + job_id


def legacy_id(job_id: str) -> str:
    """The public id of a legacy completion."""
    return LEGACY_PREFIX + job_id


def job_id_of(public_id: str) -> str | None:
    """The job behind a public id such as `chatcmpl-01J...` or `resp_01J...`, or None when it names none."""
    ulid = public_id.removeprefix(RESPONSE).rpartition("-")[2]
    return ulid if is_ulid(ulid) else None


def born_at(ulid: str) -> float:
    """Unix time, in seconds, at which a ULID was made."""
    value = 0
    for letter in ulid[:10]:
        value = value << 5 | _ALPHABET.index(letter)
    return value / 1000


def derived_ulid(ulid: str, name: str) -> str:
    """The ULID of a part of something, such as a response's second item: always the same one, and of the same
    moment. `name` tells the parts apart."""
    drawn = hashlib.sha256(f"{ulid} {name}".encode()).digest()[: _RANDOM_BITS // 8]
    return ulid[:10] + _encode(int.from_bytes(drawn, "big"))[10:]


def ulid_at(moment: datetime) -> str:
    """The least ULID of a moment: those made before it are smaller."""
    return _encode(int(moment.timestamp() * 1000) << _RANDOM_BITS)


def _encode(value: int) -> str:
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])
