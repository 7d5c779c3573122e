"""Which stack the commands mean."""

from infra.embedded.home import Home, open_home
from infra.settings import StackSettings


def stack_home() -> Home:
    """The home that the settings name: `.jan` here, unless JAN_STACK_HOME says otherwise."""
    settings = StackSettings()
    return open_home(settings.home, settings.cache)
