"""MCP servers as a file declares them."""

from pathlib import Path

import pytest

from infra.declaring import BadDeclaration
from infra.tools.declared import servers_of_file

GOOD = """
servers:
  - name: tickets
    url: https://tickets.example/mcp
    headers: {Authorization: "Bearer ${TOKEN}"}
    allowed_tools: [search_*]
    seconds: 30
  - name: files
    command: [mcp-files, --root, "${ROOT:-/srv}"]
    env: {LEVEL: debug}
    active: false
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mcp_servers.yaml"
    path.write_text(text)
    return path


def test_a_file_declares_servers_with_the_environments_texts(tmp_path: Path) -> None:
    tickets, files = servers_of_file(written(tmp_path, GOOD), {"TOKEN": "t-1"})

    assert (tickets.transport, tickets.url, tickets.seconds) == ("http", "https://tickets.example/mcp", 30)
    assert tickets.secrets == {"Authorization": "Bearer t-1"}
    assert tickets.allowed_tools == ("search_*",)
    assert (files.transport, files.command) == ("stdio", ("mcp-files", "--root", "/srv"))
    assert (files.secrets, files.active) == ({"LEVEL": "debug"}, False)
    assert "t-1" not in repr(tickets)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("servers:\n  - name: a", "entry 1 (a): Value error, give either url or command"),
        ("servers:\n  - {name: a, url: http://x, command: [y]}", "give either url or command"),
        ("servers:\n  - {name: A_b, url: http://x}", "name: String should match pattern"),
        ("servers:\n  - {name: a, url: ftp://x}", "url: String should match pattern"),
        ("servers:\n  - {name: a, url: http://x, env: {A: b}}", "env belongs to a command"),
        ("servers:\n  - {name: a, command: [x], headers: {A: b}}", "headers belong to a url"),
        ("servers:\n  - {name: a, url: http://x, headers: {'A b': secret}}", "headers"),
        ("servers:\n  - {name: a, url: http://x, token: secret}", "token: Extra inputs"),
        ("servers:\n  - {name: a, url: http://x, seconds: 0}", "seconds"),
        ("servers:\n  - {name: a, url: 'http://x/${NOPE}'}", "NOPE is not set"),
        ("servers:\n  - {name: a, url: http://x}\n  - {name: a, url: http://y}", "same name"),
        ("servers: {}", "must be a list"),
        ("providers: []", "must hold `servers:`"),
        ("servers:\n  - 7", "must be a mapping"),
        ("[", "while parsing"),
    ],
)
def test_a_file_that_declares_nothing_says_why_and_tells_no_secret(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(BadDeclaration) as caught:
        servers_of_file(written(tmp_path, text), {})

    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_example_is_one() -> None:
    example = Path(__file__).parents[3] / "infra/deploy/mcp_servers.example.yaml"

    assert {server.name for server in servers_of_file(example, {})} == {"tickets", "files"}
