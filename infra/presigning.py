"""Links and forms by which clients reach single objects themselves (AWS Signature Version 4, in the query).

Signing asks nobody. A link is signed for the address under which clients reach the store, and never changed
afterwards: the address is a part of what is signed.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import SplitResult, quote, urlsplit

from minio import Minio
from minio.datatypes import PostPolicy

from infra.settings import ObjectSettings

LIFE = 300
"""Seconds, by default."""
MOST_NAME = 128
"""Characters of a file's name in a header."""
_UNSAFE = re.compile(r'[\\/:*?"<>|;%\r\n]')


class UnfitEndpoint(ValueError):
    """The public address of the store cannot be signed for."""


@dataclass(frozen=True)
class PresignedPost:
    """A form: all fields, then the file, as multipart/form-data."""

    url: str
    fields: dict[str, str]


class Presigner:
    """Signs for one bucket."""

    def __init__(self, settings: ObjectSettings) -> None:
        """Raises UnfitEndpoint for an address that holds more than scheme, host and port."""
        parts = _endpoint(settings.public_endpoint or settings.endpoint)
        self._bucket = settings.bucket
        self._url = f"{parts.scheme}://{parts.netloc}/{settings.bucket}"
        self._client = Minio(
            parts.netloc,
            access_key=settings.access_key,
            secret_key=settings.secret_key.get_secret_value(),
            secure=parts.scheme == "https",
            region=settings.region,  # told, so that nobody is asked for it
        )

    def get(
        self,
        key: str,
        *,
        content_type: str,
        filename: str | None = None,
        seconds: int = LIFE,
        now: datetime | None = None,
    ) -> str:
        """A link for reading an object, told as that type and under that name."""
        headers: dict[str, str | list[str] | tuple[str]] = {
            "response-content-type": content_type,
            "response-content-disposition": disposition(filename, content_type),
        }
        return self._client.presigned_get_object(
            self._bucket, key, timedelta(seconds=seconds), response_headers=headers, request_date=now
        )

    def put(self, key: str, *, seconds: int = LIFE) -> str:
        """A link for writing an object. It holds its user to no type and no size."""
        return self._client.presigned_put_object(self._bucket, key, timedelta(seconds=seconds))

    def post(
        self, key: str, *, content_type: str, least: int, most: int, seconds: int = LIFE
    ) -> PresignedPost:
        """A form for writing exactly this object, of this type, of so many bytes
        (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html)."""
        policy = PostPolicy(self._bucket, datetime.now(UTC) + timedelta(seconds=seconds))
        policy.add_equals_condition("key", key)
        policy.add_equals_condition("Content-Type", content_type)
        policy.add_content_length_range_condition(least, most)
        signed = self._client.presigned_post_policy(policy)
        return PresignedPost(self._url, {"key": key, "Content-Type": content_type, **signed})


def _endpoint(address: str) -> SplitResult:
    """An address that can be signed for. Raises UnfitEndpoint, which repeats no secret."""
    try:
        parts = urlsplit(address)
        beyond = (
            parts.path.removeprefix("/") or parts.query or parts.fragment or parts.username or parts.password
        )
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not beyond:
            return parts
    except ValueError:  # a port that is none, half an IPv6 address
        pass
    message = "JAN_S3_PUBLIC_ENDPOINT must be http:// or https://, a host and perhaps a port, and no path"
    raise UnfitEndpoint(message)


def disposition(filename: str | None, content_type: str | None) -> str:
    """The Content-Disposition of a file (RFC 6266; names as RFC 8187 has them): a browser shows images, and
    stores all else."""
    name, way = safe_name(filename), "inline" if (content_type or "").startswith("image/") else "attachment"
    if not name:
        return way
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    told = f'{way}; filename="{plain}"'
    return told if plain == name else f"{told}; filename*=UTF-8''{quote(name, safe='')}"


def safe_name(filename: str | None) -> str:
    """A file's name without paths, control characters and what is special in a header."""
    last = re.split(r"[\\/]", filename or "")[-1]
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return _UNSAFE.sub("_", shown).strip(" .")[:MOST_NAME]
