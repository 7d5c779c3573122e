"""Readiness checks that are shared: a port that accepts, a page that answers 200."""

import asyncio

from infra.embedded.ports import HOST

CHECK_LIMIT = 3.0
"""Seconds; a server on the same machine that needs longer isn't well."""


async def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    return await ask(port, b"", expected=b"")


async def answers_ok(port: int, path: str) -> bool:
    """Whether GET of the page gives 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
    return await ask(port, request.encode(), expected=b"HTTP/1.1 200")


async def ask(port: int, request: bytes, *, expected: bytes) -> bool:
    """Whether the answer to `request` starts with `expected`."""
    try:
        async with asyncio.timeout(CHECK_LIMIT):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(request)
                return await reader.readexactly(len(expected)) == expected
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
