"""A request's Idempotency-Key, what it is compared by, and what can be wrong with it."""

import hashlib
import re

from starlette.types import Scope

from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from infra.store.idempotency import KEY_LENGTH, IdempotencyRow, Keyed

NAME = "Idempotency-Key"
HEADER = NAME.lower().encode()
RETRY_AFTER = 1.0
_KEY = re.compile(rb"[\x20-\x7e]{1,%d}" % KEY_LENGTH)


def key_of(scope: Scope) -> str | None:
    """The key that a request carries, if it does. Raises ApiError when it is no key."""
    given = [value for name, value in scope["headers"] if name == HEADER]
    if not given:
        return None
    if len(given) > 1 or _KEY.fullmatch(given[0]) is None:
        message = f"Send one {NAME} of 1 to {KEY_LENGTH} printable ASCII characters"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param=NAME)
    return bytes(given[0]).decode("ascii")


def keyed(key: str, scope: Scope, caller: Caller, body: bytes) -> Keyed:
    """A request with its key."""
    asked = fingerprint(scope["method"], scope["path"], scope.get("query_string", b""), body)
    return Keyed(caller.tenant, caller.user_id, key, asked)


def fingerprint(method: str, path: str, query: bytes, body: bytes) -> bytes:
    """SHA-256 of what a request asks: two spellings of one path are the same, two of one body are not."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), query, body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def compare(asked: Keyed, row: IdempotencyRow) -> None:
    """Raise ApiError when the key was used before for something else."""
    if asked.fingerprint != row.fingerprint:
        message = f"This {NAME} was used for another request; send a new key, or the same body again"
        raise ApiError(ErrorCode.IDEMPOTENCY_KEY_REUSED, message, param=NAME)


def in_progress() -> ApiError:
    """What a repeated request is told whose first one takes too long to wait for."""
    message = f"The first request with this {NAME} is still being worked on; ask again"
    return ApiError(ErrorCode.IDEMPOTENCY_KEY_IN_PROGRESS, message, param=NAME, retry_after=RETRY_AFTER)


def answer_gone() -> ApiError:
    """What a repeated request is told whose answer is kept no more, though the key still is.

    A 404, which no SDK repeats: the same key cannot help, and nothing is done a second time.
    """
    message = f"This {NAME} was answered, and the answer is kept no more; ask again with a new key"
    return ApiError(ErrorCode.NOT_FOUND, message, param=NAME)
