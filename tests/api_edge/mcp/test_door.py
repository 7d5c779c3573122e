"""Who may speak to the MCP endpoint from a page."""

import pytest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from api_edge.mcp.door import HANDSHAKES, is_own

HERE, THERE = "http://127.0.0.1:8000", "https://jan.example"


def test_the_handshakes_are_those_of_the_sdk() -> None:

    assert frozenset(HANDSHAKE_PROTOCOL_VERSIONS) == HANDSHAKES


@pytest.mark.parametrize(
    ("base_url", "origin", "may"),
    [
        (HERE, HERE, True),
        (HERE, "http://localhost:5173", True),
        (HERE, "http://[::1]:1", True),
        (HERE, "https://evil.example", False),
        (HERE, "http://127.0.0.1.evil.example", False),
        (HERE, "null", False),
        (THERE, THERE, True),
        (THERE, "http://jan.example", False),
        (THERE, "https://jan.example:444", False),
        (THERE, "http://localhost:5173", False),
        (THERE, "https://chat.example", True),
        (THERE, "https://chat.example.evil", False),
    ],
)
def test_pages_of_our_own_of_allowed_sites_and_of_this_machine_may(
    base_url: str, origin: str, *, may: bool
) -> None:
    assert is_own(origin, base_url, ["https://chat.example"]) is may
