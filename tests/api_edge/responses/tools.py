"""A catalog of tools as tests know it: ours, and those of a server `tickets`."""

from dataclasses import replace

from api_edge.responses.offer import Known
from contracts.tools.builtin import BUILT_IN
from contracts.tools.spec import ToolSpec
from infra.tools.catalog import Catalog, Entry

TENANT = "t1"
SEARCH, CLOSE = (
    ToolSpec(name="tickets_search", description="Find", input_schema={"type": "object"}, is_read_only=True),
    ToolSpec(name="tickets_close", description="Close", input_schema={"type": "object"}),
)


def known(*, off: str | None = None, disabled: str | None = None) -> Known:
    """All tools, of which one may be off, or disabled."""
    entries = [
        *(Entry(spec, spec.name) for spec in BUILT_IN.values()),
        Entry(SEARCH, "search", "tickets"),
        Entry(CLOSE, "close", "tickets"),
    ]
    return Known(
        Catalog(
            replace(
                entry,
                off_reason="no key" if entry.spec.name == off else None,
                is_enabled=entry.spec.name != disabled,
            )
            for entry in entries
        ),
        TENANT,
    )
