"""Names that users gave, looked up before they are kept: an answer now is better than a failure later.

What counts is the check at each connection (`connecting`): a name may mean something else by then.
"""

import asyncio
import socket

from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.urls import refused

SECONDS = 5.0


async def checked_name(host: str, policy: AddressPolicy, *, param: str) -> None:
    """Nothing for a name that leads to allowed addresses, or to none now. Raises ApiError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return
    if not all(policy.allows(str(address[0])) for *_, address in found):
        raise refused("its name leads to a network that is refused", param)
