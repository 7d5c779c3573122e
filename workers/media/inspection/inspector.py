"""Looks at files, each in a process of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.errors import ApiError, ErrorCode, ErrorDetail
from infra.confined import Confined, Confines, Died, TookTooLong
from workers.media.inspection import examine as examining
from workers.media.inspection.examine import PARAM, Found, Limits

AT_ONCE = 2

Examine = Callable[[Path, str | None, Limits], Found]
Answer = Found | ErrorDetail


class Inspector:
    """Looks at a few files at once; more wait."""

    def __init__(self, limits: Limits, examine: Examine = examining.examine) -> None:
        self._limits = limits
        self._examine = examine
        self._confined = Confined(Confines(limits.seconds, limits.memory), AT_ONCE, __name__)

    async def inspect(self, path: Path, declared: str | None) -> Found:
        """What a file is. Raises ApiError for what is not taken in, or takes too much."""
        try:
            answer = await self._confined.run(_look, self._examine, path, declared, self._limits)
        except TookTooLong as error:
            message = f"The file cannot be decoded within {self._limits.seconds:g} seconds"
            raise ApiError(ErrorCode.BODY_TOO_LARGE, message, param=PARAM) from error
        except Died as error:
            message = "The file cannot be decoded within the limits of memory and time"
            raise ApiError(ErrorCode.BODY_TOO_LARGE, message, param=PARAM) from error
        if isinstance(answer, ErrorDetail):
            raise ApiError.of(answer)
        return answer

    async def warm(self) -> None:
        """Start what the processes are forked from, so that the first file is not slower than others."""
        await self._confined.warm()


@asynccontextmanager
async def open_inspector(limits: Limits) -> AsyncIterator[Inspector]:
    """One whose server of processes runs, and has the decoders loaded."""
    inspector = Inspector(limits)
    await inspector.warm()
    yield inspector


def _look(examine: Examine, path: Path, declared: str | None, limits: Limits) -> Answer:
    """In the process: an error travels as what it says, since exceptions of ours do not."""
    try:
        return examine(path, declared, limits)
    except ApiError as error:
        return error.detail
