"""What can go wrong on the bus.

BusError
├── BusTimeout      the broker did not answer in time; what was sent may still arrive
├── BusUnavailable  the broker cannot be reached, or refuses
└── RecordTooLarge  the record will never fit

Poison and Exhausted stand apart: a handler raises them to say that no further attempt is to be made.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    RequestTimedOutError,
)

from contracts.errors import ErrorDetail


class BusError(Exception):
    """The bus could not do what it was asked."""


class BusTimeout(BusError):
    """The broker did not answer in time. What was sent may still arrive."""


class BusUnavailable(BusError):
    """The broker cannot be reached, or refused the request."""


class RecordTooLarge(BusError):
    """The record is larger than the broker takes."""


class Poison(Exception):
    """Raised by a handler: the record can never be handled, so it goes to the dead letters at once."""


class Exhausted(Exception):
    """Raised by a handler: the record was tried often enough, so it goes to the dead letters at once."""

    def __init__(self, detail: ErrorDetail, attempts: int) -> None:
        super().__init__(detail.message)
        self.detail = detail
        """What the job's caller is told."""
        self.attempts = attempts


def bus_error(doing: str, error: BaseException) -> BusError:
    """The error of the bus that says what failed and why."""
    because = f"{doing}: {str(error) or type(error).__name__}"
    match error:
        case TimeoutError() | KafkaTimeoutError() | RequestTimedOutError():
            return BusTimeout(because)
        case MessageSizeTooLargeError() | RecordTooLargeError():
            return RecordTooLarge(because)
    return BusUnavailable(because)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the driver's errors, and a limit that passed, as errors of the bus."""
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise bus_error(doing, error) from error
