"""google_search: the web, by a search engine."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints

from contracts.base import Message
from contracts.tools.spec import ToolSpec, schema_of

HOST = r"^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z0-9-]{2,63}$"
Host = Annotated[str, StringConstraints(pattern=HOST, max_length=253)]
Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_048)]


def _given(value: object) -> object:
    """Models send an empty text where they mean none."""
    return None if isinstance(value, str) and not value.strip() else value


Given = BeforeValidator(_given)


class SearchArguments(Message):
    """What is searched, and how."""

    q: Query = Field(description="What to search for")
    gl: Annotated[str | None, Given] = Field(
        None, pattern=r"^[A-Za-z]{2}$", description="Country of the results, as `us`"
    )
    hl: Annotated[str | None, Given] = Field(
        None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$", description="Language, as `en`"
    )
    location: Annotated[str | None, Given] = Field(
        None, max_length=256, description="Place from which to search, as a name"
    )
    num: int = Field(10, ge=1, le=100, description="How many results at most")
    tbs: Annotated[str | None, Given] = Field(
        None,
        pattern=r"^qdr:[hdwmy]$",
        description="Only what is new: qdr:h the last hour, d day, w week, m month, y year",
    )
    page: int = Field(1, ge=1, le=100, description="Which page of the results")
    autocorrect: bool = Field(default=True, description="Whether the engine may mend misspelled words")
    domain_allow_list: list[Host] = Field(
        default_factory=list, max_length=100, description="Only results from these hosts and those below them"
    )
    location_hint: Annotated[str | None, Given] = Field(
        None, max_length=256, description="Place that the question is about, where no location is given"
    )
    offline_mode: bool = Field(
        default=False,
        description="Ask no engine: answer from what was found before, or say that nothing was",
    )


class SearchHit(Message):
    """One result."""

    position: int
    title: str
    source_url: str
    snippet: str | None = None
    """As the engine gives it, shortened; None where it gives none."""
    date: str | None = None
    """When it was published, in the engine's own words; None where it does not tell."""
    cache_status: str
    fetched_at: AwareDatetime


class SearchResult(Message):
    """What was found."""

    query: str
    engine: str
    """Who answered: `serper` or `searxng`."""
    live: bool
    """Whether the engine was asked now; else the answer is from the cache."""
    cache_status: str
    """`live`; or `cache`, with the time in each hit's `fetched_at`."""
    metadata: dict[str, Any] = Field(default_factory=dict)  # what the engine tells beside the results
    """`failures` names the engines that were asked before, and why they did not answer; `not_honoured` what
    of the arguments this one does not know."""
    results: list[SearchHit]
    citations: list[str]
    """The addresses of the results."""
    raw: dict[str, Any] = Field(default_factory=dict)  # the engine's own answer, as far as it is kept


GOOGLE_SEARCH = ToolSpec(
    name="google_search",
    title="Web search",
    description="Search the web. Returns titles, addresses and snippets, and which engine answered.",
    input_schema=schema_of(SearchArguments),
    output_schema=schema_of(SearchResult),
    is_read_only=True,
    is_idempotent=True,
    is_open_world=True,
)
