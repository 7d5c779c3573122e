"""What a child process inherits."""

import os


def inherited_environment() -> dict[str, str]:
    """A copy of this process's environment, for a child process."""
    return dict(os.environ)  # noqa: TID251 - this is the one place
