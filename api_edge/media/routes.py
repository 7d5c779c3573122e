"""The routes of media that receive no file."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api_edge.errors import error_body
from api_edge.media.content import BadRange, Reading, content_of
from api_edge.media.desk import Asking, MediaDesk
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.errors import ErrorCode
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.media import (
    EXAMPLE_ID,
    MIMES,
    BulkDeleteAsk,
    BulkDeleted,
    Media,
    MediaDeleted,
    MediaLink,
    ResolveAsk,
    ResolvedMedia,
    Upload,
    UploadAsk,
)

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller has no such media"}}
FILE: Answers = {
    200: {"description": "The bytes", "content": {mime: {} for mime in MIMES}},
    206: {"description": "A range of the bytes", "content": {mime: {} for mime in MIMES}},
    304: {"description": "The client has them: If-None-Match"},
}
LAZY = {
    "x-codes": [
        *(ErrorCode.BODY_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.STORAGE_QUOTA_EXCEEDED),
        *(ErrorCode.CANCELLED, ErrorCode.WORKER_LOST, ErrorCode.ATTEMPTS_EXHAUSTED, ErrorCode.STREAM_LOST),
        *(ErrorCode.SERVER_DRAINING, ErrorCode.DEADLINE_EXCEEDED, ErrorCode.DEPENDENCY_DOWN),
    ]
}
"""What can be wrong with a file that is looked at now."""
Named = Annotated[str, Path(description="Its id", examples=[EXAMPLE_ID])]


def media_router(desk: MediaDesk, objects: Reading) -> APIRouter:
    """A tenant's media."""
    router = APIRouter(prefix="/v1/media", tags=["media"])
    _add_all(router, desk)
    _add_uploads(router, desk)
    _add_each(router, desk)
    _add_content(router, desk, objects)
    return router


def _add_all(router: APIRouter, desk: MediaDesk) -> None:
    @router.get("", summary="List media")
    async def list_media(caller: SignedIn, paging: Paging) -> Page[Media]:
        """The caller's, the newest first, each with a link."""
        return await desk.page(caller, paging)

    @router.post("/resolve", summary="Links for media", responses=UNKNOWN, openapi_extra=LAZY)
    async def resolve_media(caller: SignedIn, request: Request, body: ResolveAsk) -> ResolvedMedia:
        """For ids, or for every reference in a JSON value: `jan_...`, or `data:image/png;jan_...`, also with
        `base64,` before the id. All of them, or an error that names the first that cannot be linked to."""
        return await desk.resolve(_asking(caller, request), body)

    @router.post("/bulk-delete", summary="Delete many media")
    async def delete_many_media(caller: SignedIn, body: BulkDeleteAsk) -> BulkDeleted:
        """What there is not is named."""
        return await desk.delete_many(caller, body.ids)


def _add_uploads(router: APIRouter, desk: MediaDesk) -> None:
    @router.post("/prepare-upload", summary="Prepare an upload", openapi_extra=LAZY)
    @router.post(
        "/upload-presigned", summary="Prepare an upload, as it was called before", openapi_extra=LAZY
    )
    async def prepare_upload(caller: SignedIn, body: UploadAsk) -> Upload:
        """The client sends the file to the object store itself, by PUT or with a form, and completes it then,
        or simply uses it. The form holds it to type and size; a PUT is held to them when it is completed."""
        return await desk.prepare(caller, body)

    @router.post("/{media_id}/complete", summary="Complete an upload", responses=UNKNOWN, openapi_extra=LAZY)
    async def complete_upload(caller: SignedIn, request: Request, media_id: Named) -> Media:
        """Looks at what was sent, as with any other file. Again, it changes nothing."""
        return await desk.complete(_asking(caller, request), media_id)


def _add_each(router: APIRouter, desk: MediaDesk) -> None:
    @router.get("/{media_id}", summary="Read media", responses=UNKNOWN, openapi_extra=LAZY)
    async def read_media(caller: SignedIn, request: Request, media_id: Named) -> Media:
        """What it is, with a fresh link."""
        return await desk.show(_asking(caller, request), media_id)

    @router.get("/{media_id}/presign", summary="A fresh link", responses=UNKNOWN, openapi_extra=LAZY)
    async def presign_media(caller: SignedIn, request: Request, media_id: Named) -> MediaLink:
        """To the bytes, for whoever has it."""
        return await desk.link(_asking(caller, request), media_id)

    @router.delete("/{media_id}", summary="Delete media", responses=UNKNOWN)
    async def delete_media(caller: SignedIn, media_id: Named) -> MediaDeleted:
        """Its bytes go with it, unless other media have the same."""
        await desk.delete(caller, media_id)
        return MediaDeleted(id=media_id)


def _add_content(router: APIRouter, desk: MediaDesk, objects: Reading) -> None:
    async def content(caller: SignedIn, request: Request, media_id: Named) -> Response:
        """The bytes, with ETag and ranges."""
        row = await desk.row(_asking(caller, request), media_id)
        try:
            return await content_of(objects, row, request.headers, has_body=request.method == "GET")
        except BadRange as error:
            body = error_body(error.detail, request.scope["state"].get("request_id"))
            headers = {"Content-Range": f"bytes */{error.size}"}
            return Response(body, 416, headers, "application/json")

    for method in ("GET", "HEAD"):
        router.add_api_route(
            "/{media_id}/content",
            content,
            methods=[method],
            summary="Download media",
            include_in_schema=method == "GET",
            response_class=Response,
            responses={**UNKNOWN, **FILE},
            openapi_extra={"x-codes": [*LAZY["x-codes"], ErrorCode.RANGE_NOT_SATISFIABLE]},
        )


def _asking(caller: SignedIn, request: Request) -> Asking:
    return Asking(caller, request.scope["state"]["request_id"])
