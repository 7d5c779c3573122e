"""Media: images in the object store, named `jan_...`. Times are unix seconds, sizes bytes."""

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from contracts.base import WireShape
from contracts.wire.storable import KEPT

MIMES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff")
"""What is taken in."""
EXAMPLE_ID = "jan_01kb3m5q8z7v2t4x6y8w0r1s2t"
MOST_IDS = 100
LINK = "https://store.example/jan/media/u_01KB/jan_01kb3m5q8z7v2t4x6y8w0r1s2t?X-Amz-Signature=5f3c"
EXAMPLE: dict[str, JsonValue] = {
    "id": EXAMPLE_ID,
    "object": "media",
    "status": "ready",
    "mime": "image/png",
    "bytes": 48_213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "width": 640,
    "height": 480,
    "filename": "harbour.png",
    "deduped": False,
    "presigned_url": LINK,
    "presigned_url_expires_at": 1780315500,
    "created_at": 1780315200,
    "expires_at": 1782907200,
}
TINY_PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNo"
    "AAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)
"""One grey pixel."""
TYPES = {
    **dict.fromkeys(("data_url", "datauri", "dataurl", "data_uri"), "data_url"),
    **dict.fromkeys(("remote_url", "remoteuri", "remote", "remoteurl", "remote_uri"), "remote_url"),
}
"""The Go server's clients write them in several ways, in any case."""

Filename = Annotated[str, StringConstraints(max_length=256), KEPT]
MediaId = Annotated[str, Field(min_length=1, max_length=64)]
Json = Any  # any JSON


class MediaSourceAsk(WireShape):
    """Where the bytes are: in the request, or at an address."""

    type: str = Field(max_length=32, description="data_url or remote_url")
    data_url: str | None = Field(None, description="With type data_url: `data:image/png;base64,...`")
    url: str | None = Field(None, max_length=2_048, description="With type remote_url: http or https")

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if TYPES.get(self.type.lower()) is None:
            message = "type must be data_url or remote_url"
            raise ValueError(message)
        needed, name = (self.data_url, "data_url") if self.is_data else (self.url, "url")
        if not needed:
            message = f"{name} is needed with this type"
            raise ValueError(message)
        return self

    @property
    def is_data(self) -> bool:
        """Whether the bytes are in the request."""
        return TYPES.get(self.type.lower()) == "data_url"


class MediaAsk(WireShape):
    """A file to be taken in."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"source": {"type": "data_url", "data_url": TINY_PNG}, "filename": "dot.png"}
        }
    )

    source: MediaSourceAsk
    filename: Filename | None = None


class Media(WireShape):
    """Media, with a link to its bytes that lives for a few minutes."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    object: Literal["media"] = "media"
    status: Literal["ready", "awaiting_upload"] = Field(
        description="awaiting_upload: its bytes have not been sent, or not been looked at yet"
    )
    mime: str | None = Field(description="As its content tells; before that, as its sender does")
    bytes: int | None
    sha256: str | None
    width: int | None
    height: int | None
    filename: str | None
    deduped: bool = Field(default=False, description="The caller's tenant had the same bytes already")
    presigned_url: str | None = Field(None, description="Its bytes, for whoever has the link")
    presigned_url_expires_at: int | None = None
    created_at: int
    expires_at: int = Field(description="When it is removed")


class MediaAccepted(WireShape):
    """What is answered at once to `Prefer: respond-async` (RFC 7240 section 4.1)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "object": "media.job",
                "job_id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "status": "queued",
                "job_url": "/v1/jobs/01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
            }
        }
    )

    id: str = Field(description="The media's, good when the job has finished")
    object: Literal["media.job"] = "media.job"
    job_id: str
    status: Literal["queued"] = "queued"
    job_url: str = Field(description="Where the job is looked at; the header Location says the same")


class UploadAsk(WireShape):
    """A file that the client will send to the store itself."""

    model_config = ConfigDict(json_schema_extra={"example": {"mime_type": "image/png", "bytes": 48_213}})

    mime_type: str = Field(
        validation_alias=AliasChoices("mime_type", "content_type"),
        max_length=64,
        description="One of " + ", ".join(MIMES),
    )
    bytes: Annotated[int, Field(gt=0, strict=True)] | None = Field(
        None, description="At most so many, if it is known; else at most the limit"
    )
    filename: Filename | None = None


class PostForm(WireShape):
    """A form that sends a file to the store: all fields, then `file`, as multipart/form-data."""

    url: str
    fields: dict[str, str]


class Upload(WireShape):
    """Where the client sends its file: by PUT to a link, or by POST with a form, which also holds it to the
    type and the size."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "jan_id": EXAMPLE_ID,
                "object": "media.upload",
                "upload_url": LINK,
                "presigned_url": LINK,
                "presigned_post": {
                    "url": "https://store.example/jan",
                    "fields": {"key": "media/u_01KB/jan_01kb"},
                },
                "mime_type": "image/png",
                "max_bytes": 20_971_520,
                "expires_in": 300,
            }
        }
    )

    id: str
    jan_id: str
    object: Literal["media.upload"] = "media.upload"
    upload_url: str = Field(description="For one PUT with the Content-Type of mime_type")
    presigned_url: str = Field(description="The same")
    presigned_post: PostForm
    mime_type: str
    max_bytes: int
    expires_in: int = Field(description="Seconds for which both are good")


class ResolveAsk(WireShape):
    """Ids, or any JSON with placeholders; one of both."""

    model_config = ConfigDict(json_schema_extra={"example": {"ids": [EXAMPLE_ID]}})

    ids: Annotated[list[MediaId], Field(min_length=1, max_length=MOST_IDS)] | None = None
    payload: Json = Field(None, description="References in it become links; all else stays as it is")

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.ids is None) == (self.payload is None):
            message = "either ids or payload is needed"
            raise ValueError(message)
        return self


class Resolved(WireShape):
    """A link to the bytes of media."""

    id: str
    presigned_url: str
    expires_at: int = Field(description="When the link is no longer good")


class ResolvedMedia(WireShape):
    """Links for ids, or the payload with links in the place of placeholders."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"media": [{"id": EXAMPLE_ID, "presigned_url": LINK, "expires_at": 1780315500}]}
        }
    )

    media: list[Resolved] = Field(default_factory=list)
    payload: Json = None


class MediaLink(WireShape):
    """A fresh link."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": EXAMPLE_ID, "url": LINK, "expires_in": 300}}
    )

    id: str
    url: str
    expires_in: int


class BulkDeleteAsk(WireShape):
    """What is to go."""

    model_config = ConfigDict(json_schema_extra={"example": {"ids": [EXAMPLE_ID]}})

    ids: Annotated[list[MediaId], Field(min_length=1, max_length=MOST_IDS)]


class MediaDeleted(WireShape):
    """Media that nobody can read any more."""

    id: str
    object: Literal["media.deleted"] = "media.deleted"
    deleted: Literal[True] = True


class BulkDeleted(WireShape):
    """What went, and what there was not."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"deleted": [EXAMPLE_ID], "not_found": [], "deleted_count": 1}}
    )

    deleted: list[str]
    not_found: list[str]
    deleted_count: int


class Storage(WireShape):
    """What a tenant's media take of the store."""

    used_bytes: int
    limit_bytes: int | None
