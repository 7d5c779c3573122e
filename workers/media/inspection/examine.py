"""What an image is, as its bytes tell; for a process that may be killed, as decoders can be made to hang.

The header is judged before a pixel is decoded; then the first frame is really decoded, as a file that cannot
be decoded is no image. Metadata such as EXIF is left in it: the file is kept as it came.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contracts.errors import ApiError, ErrorCode

MIB = 1024 * 1024
HEAD = 16
PARAM = "file"
TYPES = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}
"""What is taken in, with the only decoder that may read it."""
MARKS = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/tiff": (b"II*\x00", b"MM\x00*"),
    "image/bmp": (b"BM",),
}
"""What files begin with; WebP's mark stands further on."""
ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "image/tif": "image/tiff",
}
NO_CLAIM = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded"}
)
"""Types that say nothing; the last is what some clients send by default."""

Image.init()  # every decoder is loaded now, not in each process anew
Image.MAX_IMAGE_PIXELS = None  # our own limits are lower, and are errors


@dataclass(frozen=True)
class Limits:
    """What is decoded at most."""

    pixels: int = 40_000_000
    """Width times height."""
    side: int = 16_384
    """Pixels of the longer side."""
    frames: int = 200
    seconds: float = 5.0
    """Of the processor."""
    memory: int = 512 * MIB
    """Bytes of address space of the process that decodes."""


@dataclass(frozen=True)
class Found:
    """What a file is."""

    mime: str
    width: int
    height: int
    frames: int


def examine(path: Path, declared: str | None, limits: Limits) -> Found:
    """What a file is. Raises ApiError for what is not taken in, or is not what its sender says."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise _bad("The file is empty")
    mime = sniffed(head)
    if mime is None:
        raise ApiError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"The file is none of {', '.join(TYPES)}", param=PARAM
        )
    told = claimed(declared)
    if told is not None and told != mime:
        raise _bad(f"The file is {mime}, and not what its sender says")
    try:
        return _decoded(path, mime, limits)
    except MemoryError as error:
        raise ApiError(ErrorCode.BODY_TOO_LARGE, "The image takes too much to decode", param=PARAM) from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        EOFError,
        ArithmeticError,
    ) as error:
        raise _bad(f"The file is broken: it begins as {mime} and cannot be decoded") from error


def sniffed(head: bytes) -> str | None:
    """The type that a file begins as; None for any that is not taken in."""
    if head[:4] == b"RIFF":
        return "image/webp" if head[8:12] == b"WEBP" else None
    return next((mime for mime, marks in MARKS.items() if head.startswith(marks)), None)


def claimed(declared: str | None) -> str | None:
    """What a sender says that a file is, in its usual name; None for nothing."""
    told = (declared or "").partition(";")[0].strip().lower()
    return None if told in NO_CLAIM else ALIASES.get(told, told)


def _decoded(path: Path, mime: str, limits: Limits) -> Found:
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")
        image = Image.open(file, formats=(TYPES[mime], "MPO") if mime == "image/jpeg" else (TYPES[mime],))
        width, height = _checked(image, limits)
        frames = _frames(image, limits)
        image.seek(0)
        image.load()
    return Found(mime, width, height, frames)


def _frames(image: Image.Image, limits: Limits) -> int:
    """How many frames there are, each of which is small enough."""
    for number in range(1, limits.frames + 1):
        try:
            image.seek(number)
        except EOFError:
            return number
        _checked(image, limits)
    message = f"The image has more than {limits.frames} frames"
    raise ApiError(ErrorCode.BODY_TOO_LARGE, message, param=PARAM)


def _checked(image: Image.Image, limits: Limits) -> tuple[int, int]:
    width, height = image.size
    if max(width, height) > limits.side or width * height > limits.pixels:
        message = (
            f"The image has {width} x {height} pixels: at most {limits.pixels:,} are taken in, "
            f"and {limits.side:,} on a side"
        )
        raise ApiError(ErrorCode.BODY_TOO_LARGE, message, param=PARAM)
    return width, height


def _bad(message: str) -> ApiError:
    return ApiError(ErrorCode.INVALID_VALUE, message, param=PARAM)
