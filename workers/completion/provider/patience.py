"""Limits the silence of a provider between two reads, without a timer per token.

One timer per stream is armed lazily: a wait only notes until when it may last, and the timer, when it fires
too early, arms itself anew. Time in which the reader is busy elsewhere, held back by a slow relay, does not
count.
"""

from collections.abc import Callable
from typing import Protocol

from contracts.errors import ApiError, ErrorCode
from infra.settings import ProviderSettings

NEVER = float("inf")


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Not any more."""


class Clock(Protocol):
    """What is needed of an event loop."""

    def time(self) -> float:
        """Now."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call back at a moment."""


class Patience:
    """The limits of one stream, on the event loop's clock."""

    def __init__(self, settings: ProviderSettings, deadline: float, loop: Clock) -> None:
        self._loop = loop
        self._settings = settings
        self._deadline = min(deadline, self._loop.time() + settings.total_timeout)
        self._first_until = self._loop.time() + settings.first_token_timeout
        self._began = False
        self._until = NEVER
        self._armed_for = NEVER
        self._timer: Timer | None = None
        self._give_up: Callable[[ApiError], None] | None = None

    @property
    def until(self) -> float:
        """When a wait that begins now has to be over."""
        limit = self._loop.time() + self._settings.token_timeout if self._began else self._first_until
        return min(limit, self._deadline)

    def error(self) -> ApiError:
        """Why the wait was given up."""
        if self._loop.time() >= self._deadline:
            return out_of_time()
        if self._began:
            return silent("another token", self._settings.token_timeout)
        return silent("its first token", self._settings.first_token_timeout)

    def watch(self, give_up: Callable[[ApiError], None]) -> None:
        """Call `give_up` with the error when a wait lasts too long."""
        self._give_up = give_up

    def begin(self) -> None:
        """A wait begins."""
        self._until = self.until
        if self._until < self._armed_for:
            self._arm()

    def end(self) -> None:
        """The wait is over: something came."""
        self._until = NEVER
        self._began = True

    def close(self) -> None:
        """No more waits."""
        self._until = NEVER
        self._disarm()

    def _arm(self) -> None:
        self._disarm()
        self._armed_for = self._until
        self._timer = self._loop.call_at(self._until, self._look)

    def _disarm(self) -> None:
        self._armed_for = NEVER
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._disarm()
        if self._until > self._loop.time():
            if self._until < NEVER:
                self._arm()
        elif self._give_up:
            self._give_up(self.error())


def silent(awaited: str, limit: float) -> ApiError:
    """The error for a provider that let us wait too long for something."""
    return ApiError(ErrorCode.PROVIDER_TIMEOUT, f"The provider did not send {awaited} within {limit:g} s.")


def out_of_time() -> ApiError:
    """The error for an answer that takes longer than the whole request may."""
    return ApiError(ErrorCode.PROVIDER_TIMEOUT, "The provider did not finish its answer in the time allowed.")
