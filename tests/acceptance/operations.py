"""The operations of the running edge, as its OpenAPI document tells them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
from typing_extensions import override

from tests.acceptance.asking import Json

SHOWN = re.compile(r"[{](\w+)[}]")


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    is_guarded: bool
    fields: frozenset[tuple[str, str]]
    """Where each of its parameters stands (`path`, `query`, `header`, `cookie`, `body`), and its name."""

    @override
    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def placeholders(self) -> list[str]:
        """The names in its path."""
        return SHOWN.findall(self.path)

    def at(self, **ids: str) -> str:
        """Its path for these ids; what isn't named is `nobody`."""
        return SHOWN.sub(lambda found: ids.get(found[1], "nobody"), self.path)


async def operations(url: str) -> list[Operation]:
    """All of an edge's."""
    async with aiohttp.ClientSession(url) as session, session.get("/openapi.json") as answer:
        document = await answer.json()
    return [
        Operation(
            method.upper(),
            path,
            all(operation.get("security") or [{}]),
            frozenset(_fields(operation, document)),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _fields(operation: Json, document: Json) -> Iterator[tuple[str, str]]:
    for parameter in operation.get("parameters", []):
        yield parameter["in"], parameter["name"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for name in _properties(content.get("schema", {}), document):
            yield "body", name


def _properties(schema: Json, document: Json) -> Iterator[str]:
    """The names of a body's own fields."""
    if "$ref" in schema:
        yield from _properties(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    for member in [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        yield from _properties(member, document)
    yield from schema.get("properties", {})
