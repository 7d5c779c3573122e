"""What is shown of media: their rows, with links that live for a few minutes."""

import time
from dataclasses import dataclass

from contracts.wire.media import Media, MediaLink, Resolved
from infra.presigning import Presigner
from infra.settings import MediaSettings
from infra.store.media import STORED, MediaRow


@dataclass(frozen=True)
class Links:
    """Signs links, and shows rows with them."""

    presigner: Presigner
    settings: MediaSettings

    def url(self, row: MediaRow) -> str:
        """A fresh link to stored media."""
        return self.presigner.get(
            row.object_key,
            content_type=row.mime or "application/octet-stream",
            filename=row.filename,
            seconds=self.settings.link_seconds,
        )

    def media_of_row(self, row: MediaRow, *, deduped: bool = False) -> Media:
        """A row, with a link where there is something to link to."""
        is_stored = row.state == STORED
        return Media(
            id=row.media_id,
            status="ready" if is_stored else "awaiting_upload",
            mime=row.mime,
            bytes=row.bytes if is_stored else None,
            sha256=row.sha256,
            width=row.width,
            height=row.height,
            filename=row.filename,
            deduped=deduped,
            presigned_url=self.url(row) if is_stored else None,
            presigned_url_expires_at=self._until() if is_stored else None,
            created_at=int(row.created_at.timestamp()),
            expires_at=int(row.expires_at.timestamp()),
        )

    def resolved(self, row: MediaRow) -> Resolved:
        """A link, and when it is no longer good."""
        return Resolved(id=row.media_id, presigned_url=self.url(row), expires_at=self._until())

    def link(self, row: MediaRow) -> MediaLink:
        """A link, and for how long it is good."""
        return MediaLink(id=row.media_id, url=self.url(row), expires_in=self.settings.link_seconds)

    def _until(self) -> int:
        return int(time.time()) + self.settings.link_seconds
