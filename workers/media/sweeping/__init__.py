"""Removes what nobody needs any more from the object store."""

from workers.media.sweeping.schedule import swept
from workers.media.sweeping.sweeper import Sweeper

__all__ = ["Sweeper", "swept"]
