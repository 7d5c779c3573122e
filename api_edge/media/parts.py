"""What the media routes are made of."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.types import ASGIApp

from api_edge.deps import Edge
from api_edge.media.desk import MediaDesk
from api_edge.media.ingest import Ingest
from api_edge.media.links import Links
from api_edge.media.receiving import Spool
from api_edge.media.routes import media_router
from api_edge.media.uploads import ASK_PATH, UPLOAD_PATH, UploadCall, Uploads
from infra.database import Database
from infra.objects import ObjectStore
from infra.presigning import Presigner
from infra.settings import MediaSettings


@dataclass(frozen=True)
class MediaParts:
    """What is open for them, beside what every route has."""

    objects: ObjectStore
    presigner: Presigner
    spool: Spool
    settings: MediaSettings

    @property
    def links(self) -> Links:
        """How media are shown."""
        return Links(self.presigner, self.settings)

    def ingest(self, edge: Edge, database: Database) -> Ingest:
        """How files become jobs."""
        return Ingest(edge, database, self.objects, self.settings)

    def desk(self, edge: Edge, database: Database) -> MediaDesk:
        """How media are answered for."""
        return MediaDesk(database, self.objects, self.ingest(edge, database), self.links)

    def router(self, edge: Edge, database: Database) -> APIRouter:
        """The routes that receive no file."""
        return media_router(self.desk(edge, database), self.objects)

    def calls(self, edge: Edge, database: Database) -> dict[tuple[str, str], ASGIApp]:
        """Those that do, by method and path; they read their bodies themselves."""
        uploads = Uploads(self.settings, edge.settings.max_depth)
        ingest = self.ingest(edge, database)
        return {
            ("POST", path): UploadCall(edge, ingest, self.links, self.spool, path, read)
            for path, read in ((ASK_PATH, uploads.ask), (UPLOAD_PATH, uploads.form))
        }
