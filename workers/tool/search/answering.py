"""One exchange with an engine: the limits on it, and what can go wrong, in one sentence each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    InvalidURL,
)
from aiohttp.http_exceptions import HttpProcessingError

from infra.outgoing.inflating import ENCODINGS, Inflater
from workers.runtime.waiting import seconds_to_wait
from workers.tool.search.engine import EngineFailed, JsonObject, Outcome
from workers.tool.search.texts import clean

PIECE = 64 * 1024
START = 16 * 1024
"""Bytes that are read of an error."""
ACCEPT = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}


@dataclass(frozen=True)
class Answer:
    """What an engine sent."""

    status: int
    body: bytes
    wait: float | None
    """Seconds for which it asked to be left alone."""


async def exchange(
    session: ClientSession,
    url: str,
    *,
    most: int,
    headers: Mapping[str, str] | None = None,
    json: JsonObject | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """Post it, and read at most so many bytes. Raises EngineFailed; a status is not judged."""
    try:
        async with session.post(
            url, headers={**ACCEPT, **(headers or {})}, json=json, data=form, allow_redirects=False
        ) as response:
            is_error = response.status != 200  # noqa: PLR2004  HTTP's own
            body = await _body(response, START if is_error else most, cut=is_error)
            header = response.headers
            wait = seconds_to_wait(header.get("Retry-After"), header.get("Date"))
            return Answer(response.status, body, wait)
    except (ClientError, HttpProcessingError, OSError) as error:
        raise _told(error) from None  # its message names the address


def judge(answer: Answer, denied: str = "it refused us") -> None:
    """Raise EngineFailed unless the status says that it has answered; `denied`: what a 401 or 403 means."""
    status = answer.status
    told = f"it answered with HTTP status {status}"
    match status:
        case 200:
            return
        case 429:
            raise EngineFailed(Outcome.LIMITED, "it is asked too often", passes=True, wait=answer.wait)
        case 401 | 403:
            raise EngineFailed(Outcome.REFUSED, f"{denied} (HTTP status {status})")
        case 400 | 422:
            raise EngineFailed(Outcome.REFUSED, f"it refused the search (HTTP status {status})", is_ill=False)
        case _ if 300 <= status < 400:  # noqa: PLR2004  HTTP's own
            raise EngineFailed(Outcome.REFUSED, f"it redirects elsewhere (HTTP status {status})")
        case _ if status >= 500 or status == 408:  # noqa: PLR2004  HTTP's own
            raise EngineFailed(Outcome.FAILING, told, passes=True, wait=answer.wait)
        case _:
            raise EngineFailed(Outcome.REFUSED, told)


def object_in(body: bytes) -> JsonObject:
    """The JSON object that it is. Raises EngineFailed."""
    if body.lstrip()[:1] == b"<":
        raise no_answer("a web page instead of results, perhaps a captcha")
    try:
        value = clean(json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError):
        raise no_answer("something that is not valid JSON") from None  # it may repeat what was searched
    if not isinstance(value, dict):
        raise no_answer("JSON of another shape")
    return value


def no_answer(what: str) -> EngineFailed:
    """It answered, but not with results."""
    return EngineFailed(Outcome.NO_ANSWER, f"it answered with {what}")


async def _body(response: ClientResponse, most: int, *, cut: bool) -> bytes:
    """Raises EngineFailed where there is more, unless it may be cut."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    inflater = Inflater(encoding) if encoding in ENCODINGS else None
    body = bytearray()
    async for piece in response.content.iter_chunked(PIECE):
        body += inflater.take(piece, most + 1 - len(body)) if inflater else piece
        if len(body) > most:
            if cut:
                return bytes(body[:most])
            raise EngineFailed(Outcome.TOO_LARGE, f"it answered with more than {most:,} bytes")
    if inflater and not inflater.is_whole:
        raise ClientPayloadError("cut")
    return bytes(body)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _told(error: Exception) -> EngineFailed:
    match error:
        case InvalidURL():
            return EngineFailed(Outcome.UNREACHABLE, "its address is not valid")
        case TimeoutError():
            return EngineFailed(Outcome.TIMEOUT, "it could not be reached in time", passes=True)
        case ClientConnectorError():
            return EngineFailed(Outcome.UNREACHABLE, "it cannot be reached", passes=True)
        case ClientConnectionError() | ClientPayloadError() | OSError():
            return EngineFailed(Outcome.BROKEN, "the connection to it broke", passes=True)
        case _:
            return EngineFailed(Outcome.NO_ANSWER, "it answered with something that is not valid HTTP")
