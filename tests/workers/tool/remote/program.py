"""A tiny MCP server on standard input and output. Its argument says how it misbehaves."""

import json
import os
import sys

MODE = sys.argv[1] if len(sys.argv) > 1 else ""
TOOL = {"name": "environment", "inputSchema": {"type": "object"}}


def say(message: dict[str, object]) -> None:
    """One line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def called() -> dict[str, object]:
    """What the tool brings: its process and its environment."""
    if MODE == "dies":
        os._exit(3)
    if MODE == "nonsense":
        sys.stdout.write("Traceback (most recent call last)\n")
        sys.stdout.flush()
    if MODE == "huge":
        sys.stdout.write("x" * 3_000_000 + "\n")
        sys.stdout.flush()
    while MODE == "floods":
        say({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}})
    text = json.dumps({"pid": os.getpid(), "names": sorted(os.environ)})  # noqa: TID251  a program of its own
    return {"content": [{"type": "text", "text": text}]}


sys.stderr.write("begun with " + os.environ.get("TOKEN", "nothing") + "\n")  # noqa: TID251  as above
sys.stderr.flush()
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    if asked["method"] == "initialize":
        served: dict[str, object] = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "program", "version": "1"},
        }
    elif asked["method"] == "tools/list":
        served = {"tools": [TOOL]}
    elif asked["method"] == "tools/call":
        served = called()
    else:
        say({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no such method"}})
        continue
    say({"jsonrpc": "2.0", "id": asked["id"], "result": served})
