"""The tools that come with the product."""

from contracts.tools.file_search import FILE_SEARCH_DELETE, FILE_SEARCH_INDEX, FILE_SEARCH_QUERY
from contracts.tools.python import PYTHON_EXEC
from contracts.tools.scrape import SCRAPE
from contracts.tools.search import GOOGLE_SEARCH
from contracts.tools.spec import ToolSpec

BUILT_IN: dict[str, ToolSpec] = {
    spec.name: spec
    for spec in (
        GOOGLE_SEARCH,
        SCRAPE,
        FILE_SEARCH_INDEX,
        FILE_SEARCH_QUERY,
        FILE_SEARCH_DELETE,
        PYTHON_EXEC,
    )
}
"""By their names, in the order in which they are listed."""
