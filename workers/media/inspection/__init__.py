"""Looks at files, in processes that can be killed."""

from workers.media.inspection.digest import digest
from workers.media.inspection.examine import Found, Limits
from workers.media.inspection.inspector import Inspector, open_inspector

__all__ = ["Found", "Inspector", "Limits", "digest", "open_inspector"]
