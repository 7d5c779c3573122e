"""The end of an edge: it serves on for a while, then tells whoever still waits to go on elsewhere."""

from collections.abc import Callable

from contracts.errors import ApiError, ErrorCode
from contracts.ids import chat_id

RETRY_AFTER = 1.0


class Draining:
    """Whether this process is about to end."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.has_begun = False
        """Whether it was told to stop: balancers should send nothing more."""
        self.is_over = False
        """Whether its grace is over: what still waits is told to go on elsewhere."""

    def begin(self) -> None:
        """The process is told to stop."""
        self.has_begun = True

    def end(self) -> None:
        """The grace is over: every waiting request looks up."""
        self.is_over = True
        self._wake()

    async def check(self) -> None:
        """For readiness. Raises ConnectionError from the moment on at which the process is told to stop."""
        if self.has_begun:
            raise ConnectionError("stopping")


def go_on_elsewhere(job_id: str, next_seq: int) -> ApiError:
    """What a stream is told that the process does not live to see the end of."""
    cursor = f"&starting_after={next_seq - 1}" if next_seq else ""
    message = (
        "This server is stopping and the answer goes on: resume it with "
        f"GET /v1/chat/completions/{chat_id(job_id)}?stream=true{cursor}"
    )
    return ApiError(ErrorCode.SERVER_DRAINING, message, retry_after=RETRY_AFTER)


def ask_again() -> ApiError:
    """What a request is told that has got nothing yet."""
    message = "This server is stopping; send the request again"
    return ApiError(ErrorCode.SERVER_DRAINING, message, retry_after=RETRY_AFTER)
