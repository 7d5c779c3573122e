"""What goes wrong with limits."""

from contracts.errors import ApiError, ErrorCode

RETRY_AFTER = 2.0


class LimitsDown(ApiError):
    """Redis did not answer in time, or refused: nothing is known of any limit now."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.DEPENDENCY_DOWN, "Limits cannot be checked now; try again", retry_after=RETRY_AFTER
        )
