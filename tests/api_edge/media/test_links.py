"""What is shown of media: links where there is something to link to, and when they end."""

import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from api_edge.media.links import Links
from infra.presigning import Presigner
from infra.settings import MediaSettings, ObjectSettings
from infra.store.media import AWAITING, STORED, MediaRow, State

CAME = datetime(2026, 6, 1, tzinfo=UTC)
GOES = datetime(2026, 7, 1, tzinfo=UTC)
SECONDS = 120


@pytest.fixture
def links() -> Links:
    settings = ObjectSettings(
        endpoint="http://inside:9000",
        public_endpoint="https://files.example",
        access_key="jan",
        secret_key=SecretStr("secret"),
        bucket="jan",
    )
    return Links(Presigner(settings), MediaSettings(link_seconds=SECONDS))


def row_of(state: State) -> MediaRow:
    return MediaRow(
        media_id="jan_1",
        tenant="t",
        user_id="u",
        state=state,
        object_key="media/t/first",
        mime="image/png",
        bytes=40,
        sha256="a" * 64 if state == STORED else None,
        filename="a.png",
        created_at=CAME,
        expires_at=GOES,
    )


def test_stored_media_have_a_link_to_their_object_for_as_long_as_is_told(links: Links) -> None:
    before = int(time.time())

    told = links.media_of_row(row_of(STORED), deduped=True)

    link = urlsplit(told.presigned_url or "")
    assert (link.scheme, link.netloc, link.path) == ("https", "files.example", "/jan/media/t/first")
    query = parse_qs(link.query)
    assert query["X-Amz-Expires"] == [str(SECONDS)]
    assert query["response-content-type"] == ["image/png"]
    assert query["response-content-disposition"] == ['inline; filename="a.png"']
    assert before <= (told.presigned_url_expires_at or 0) - SECONDS <= int(time.time())
    assert (told.status, told.bytes, told.deduped) == ("ready", 40, True)
    assert (told.created_at, told.expires_at) == (int(CAME.timestamp()), int(GOES.timestamp()))


def test_awaited_media_have_no_link_and_no_size_yet(links: Links) -> None:
    told = links.media_of_row(row_of(AWAITING))

    assert (told.status, told.mime) == ("awaiting_upload", "image/png")
    assert (told.bytes, told.sha256, told.presigned_url, told.presigned_url_expires_at) == (None,) * 4


def test_a_link_says_for_how_long_it_is_good(links: Links) -> None:
    link, resolved = links.link(row_of(STORED)), links.resolved(row_of(STORED))

    assert (link.id, link.expires_in) == ("jan_1", SECONDS)
    assert resolved.id == "jan_1"
    assert urlsplit(link.url).path == urlsplit(resolved.presigned_url).path == "/jan/media/t/first"
