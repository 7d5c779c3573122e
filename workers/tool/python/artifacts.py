"""Files that a program left become media of its tenant, counted against its storage as all media are."""

import hashlib
import json
import unicodedata
from datetime import UTC, datetime, timedelta

from contracts.errors import ApiError
from contracts.ids import media_id, new_ulid
from contracts.tools.python import Artifact
from infra.database import Database
from infra.objects import ObjectStore
from infra.presigning import safe_name
from infra.settings import MediaSettings, SandboxSettings
from infra.store.media import MediaRow, Seen, begin_media, finish_media, object_key
from workers.tool.ports import Call
from workers.tool.python.ports import Files

UNKNOWN = "application/octet-stream"
MARKS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF-": "application/pdf",
}
"""Beginnings that tell what a file is; a browser runs none of these."""
TEXTS = {".csv": "text/csv", ".json": "application/json", ".txt": "text/plain", ".md": "text/markdown"}
"""Names that are believed where the content is UTF-8; HTML and SVG are not among them."""


class Artifacts:
    """Keeps files."""

    def __init__(
        self, settings: SandboxSettings, media: MediaSettings, database: Database, objects: ObjectStore
    ) -> None:
        self._settings = settings
        self._media = media
        self._database = database
        self._objects = objects

    async def keep(self, call: Call, files: Files) -> tuple[list[Artifact], str | None]:
        """Those that were kept, and why others were not."""
        fit = {name: body for name, body in files.items() if len(body) <= self._settings.artifact_bytes}
        kept: list[Artifact] = []
        for name, body in list(fit.items())[: self._settings.artifacts]:
            try:
                kept.append(await self._kept(call, name, body))
            except ApiError as error:
                return kept, f"{len(files) - len(kept)} files could not be kept: {error}"
        if len(kept) == len(files):
            return kept, None
        most = f"at most {self._settings.artifacts} of {self._settings.artifact_bytes:,} bytes each are"
        return kept, f"{len(files) - len(kept)} files were not kept: {most}"

    async def _kept(self, call: Call, name: str, body: bytes) -> Artifact:
        """Raises ApiError; the sweeper of media has what was begun then."""
        named, now, mime = media_id(new_ulid()), datetime.now(UTC), mime_of(name, body)
        seen = Seen(mime, len(body), hashlib.sha256(body).hexdigest())
        row = MediaRow(
            media_id=named,
            tenant=call.tenant,
            user_id=call.user_id,
            object_key=object_key(call.tenant, named),
            mime=mime,
            bytes=len(body),
            filename=safe_name(name) or None,
            created_at=now,
            expires_at=now + timedelta(seconds=self._media.upload_seconds),
        )
        async with self._database.begin() as session:
            await begin_media(session, row, self._media.tenant_bytes)
        await self._objects.put(object_key(call.tenant, named), body, mime)
        async with self._database.begin() as session:
            ended = await finish_media(
                session, call.tenant, named, seen,
                now=datetime.now(UTC),
                expires_at=now + timedelta(seconds=self._media.retention),
                limit=self._media.tenant_bytes,
                keeps_id=True,
            )  # fmt: skip
            kept = ended.row.media_id
        return Artifact(
            name=shown(name), id=named, url=f"/v1/media/{kept}/content", size=len(body), mime=mime
        )


def mime_of(name: str, body: bytes) -> str:
    """What a file is, as its beginning tells; as its name tells, where it is text."""
    for mark, mime in MARKS.items():
        if body.startswith(mark):
            return mime
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    said = next((mime for end, mime in TEXTS.items() if name.lower().endswith(end)), UNKNOWN)
    return said if _is_text(body, said) else UNKNOWN


def shown(name: str) -> str:
    """A path without what could mislead whoever reads it."""
    return "".join(letter if unicodedata.category(letter)[0] != "C" else "_" for letter in name)


def _is_text(body: bytes, mime: str) -> bool:
    try:
        text = body.decode()
        if mime == "application/json":
            json.loads(text)
    except (ValueError, RecursionError):
        return False
    return "\0" not in text
