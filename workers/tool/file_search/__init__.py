"""file_search: a tenant's own texts, found by meaning and by words.

`open_file_search(settings.file_search, database, registered, settings.provider, sealer)` opens its three
tools; `registered` is what `infra.registry.reading.open_registered(database, notices)` gives.
"""

from workers.tool.file_search.opening import open_file_search

__all__ = ["open_file_search"]
