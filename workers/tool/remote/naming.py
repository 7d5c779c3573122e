"""Tools of another server become tools of ours: their names, and which of them are taken over."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import mcp_types as types
from pydantic_core import to_json

from contracts.tools.builtin import BUILT_IN
from contracts.tools.spec import ToolSpec
from workers.tool.remote.server import Server

LONGEST = 128
LARGEST = 256 * 1024
"""Bytes of one tool's schemas and description."""
_OTHERS = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True)
class Taken:
    """What is taken over of a list."""

    specs: dict[str, ToolSpec]
    """By the names under which they are called here."""
    refused: Sequence[str]
    """Why others are not, each a few words."""


def taken_over(server: Server, tools: Sequence[types.Tool], others: Collection[str]) -> Taken:
    """The tools of a server that are allowed, and have a name that nobody has. `others`: names of others'."""
    specs: dict[str, ToolSpec] = {}
    refused: list[str] = []
    for tool in tools:
        if not _is_allowed(server, tool.name):
            continue
        name = name_of(server.name, tool.name)
        if name in specs or name in others or name in BUILT_IN:
            refused.append(f"{tool.name}: there is a tool {name} already")
        elif len(to_json(tool)) > LARGEST:
            refused.append(f"{tool.name}: its description is larger than {LARGEST:,} bytes")
        else:
            specs[name] = spec_of(tool, server.seconds)
    return Taken(specs, refused)


def name_of(server: str, tool: str) -> str:
    """`<server>_<tool>`, of letters, digits, `_` and `-`; one that is too long ends with a hash of itself."""
    name = _OTHERS.sub("_", f"{server}_{tool}")
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(f"{server}_{tool}".encode()).hexdigest()[:8]
    return f"{name[: LONGEST - 9]}_{digest}"


def spec_of(tool: types.Tool, seconds: float | None) -> ToolSpec:
    """What it is; hints that are not given mean what the protocol says that they mean."""
    hints = tool.annotations or types.ToolAnnotations()
    reads = hints.read_only_hint is True
    return ToolSpec(
        name=tool.name,
        title=tool.title or hints.title,
        description=tool.description or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        seconds=seconds,
        is_read_only=reads,
        is_destructive=not reads and hints.destructive_hint is not False,
        is_idempotent=hints.idempotent_hint is True,
        is_open_world=hints.open_world_hint is not False,
    )


def _is_allowed(server: Server, tool: str) -> bool:
    if server.allowed_tools is None:
        return True
    return any(
        fnmatchcase(tool, pattern.replace("[", "[[]").replace("?", "[?]")) for pattern in server.allowed_tools
    )
