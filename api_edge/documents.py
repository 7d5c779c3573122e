"""Writes or compares the generated documents: contracts/openapi.json and contracts/asyncapi.json.

python -m api_edge.documents --write
python -m api_edge.documents --check
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from api_edge.admin.routes import AdminParts
from api_edge.app import Api, Parts, build_api
from api_edge.auth.parts import IdentityParts
from api_edge.mcp.parts import McpParts
from api_edge.media.parts import MediaParts
from api_edge.responses.parts import ResponseParts
from api_edge.webhooks.parts import WebhookParts
from contracts.asyncapi import asyncapi_document
from infra.database import open_database
from infra.registry.reading import Registered
from infra.settings import DatabaseSettings, ResponseSettings, WebhookSettings

FOLDER = Path(__file__).parent.parent / "contracts"

Document = dict[str, Any]  # a JSON document


async def openapi_document() -> Document:
    """What the edge serves at /openapi.json."""
    async with documented_api() as api:
        return api.openapi()


@asynccontextmanager
async def documented_api() -> AsyncIterator[Api]:
    """The routes that the document is of. Nothing is connected to."""
    async with open_database(DatabaseSettings()) as database:
        nobody = cast("Any", None)  # routes are described, and none is asked
        identity = IdentityParts(accounts=nobody, credentials=nobody, profiles=nobody, keys=nobody)
        admin = AdminParts(nobody, nobody, nobody, nobody, nobody, nobody, nobody, nobody, nobody)
        media = MediaParts(nobody, nobody, nobody, nobody)
        mcp = McpParts(nobody, nobody)
        models = Registered(database)
        responses = ResponseParts(nobody, models, ResponseSettings(), 0, nobody)
        webhooks = WebhookParts(nobody, WebhookSettings())
        parts = Parts(
            database, models, identity, admin, media, mcp, responses, webhooks, checks=(), registry=None
        )
        yield build_api(parts, nobody)


def generated() -> dict[Path, str]:
    """Each document's file and its text."""
    return {
        FOLDER / "openapi.json": _text(asyncio.run(openapi_document())),
        FOLDER / "asyncapi.json": _text(asyncapi_document()),
    }


def main(arguments: list[str]) -> int:
    """Write the documents, or tell which differ from what would be written."""
    parser = argparse.ArgumentParser(prog="python -m api_edge.documents", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", action="store_true", help="write them")
    choice.add_argument("--check", action="store_true", help="exit with 1 when one is out of date")
    write = parser.parse_args(arguments).write
    stale = [file for file, text in generated().items() if not file.exists() or file.read_text() != text]
    for file in stale:
        if write:
            file.write_text(generated()[file])
        sys.stderr.write(f"{file.name} {'written' if write else 'is out of date: run `just contracts`'}\n")
    return 0 if write or not stale else 1


def _text(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
