"""OpenAI's hosted tools, done by ours.

web_search          google_search, and scrape for the pages
file_search         file_search_query; a vector store is the documents that have its id as a tag
code_interpreter    python_exec; a container is a session
"""

from typing import Any

from api_edge.responses.fields import checked_at, invalid, unsupported
from api_edge.responses.offer import Known, Offer, offer_of
from contracts.responses.plan import Offered, OfferKind
from contracts.tools.file_search import FILE_SEARCH_QUERY
from contracts.tools.python import PYTHON_EXEC
from contracts.tools.scrape import SCRAPE
from contracts.tools.search import GOOGLE_SEARCH
from contracts.wire.response_tools import (
    CodeTool,
    Comparison,
    Compound,
    Container,
    FileSearchTool,
    RankingOptions,
    UserLocation,
    WebSearchTool,
)

RANKERS = frozenset({None, "auto"})
CLOSED = frozenset({None, "disabled"})
SESSION = "session_id"
LANGUAGE = "language"

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


def web_search(tool: WebSearchTool, known: Known, path: str) -> list[Offer]:
    """Searching, and reading what was found, while both can be done. Raises ApiError."""
    search = known.at_hand(GOOGLE_SEARCH.name, path)
    offers = [offer_of(search, OfferKind.WEB_SEARCH, _search_arguments(tool))]
    scrape = known.catalog.find(SCRAPE.name, known.tenant)
    if scrape is not None and scrape.off_reason is None and tool.external_web_access is not False:
        offers.append(offer_of(scrape, OfferKind.WEB_SEARCH, _hosts(tool)))
    return offers


def file_search(tool: FileSearchTool, known: Known, path: str) -> list[Offer]:
    """The caller's indexed texts. Raises ApiError."""
    entry = known.at_hand(FILE_SEARCH_QUERY.name, path)
    stores = list(dict.fromkeys(tool.vector_store_ids or ()))
    if len(stores) > 1:
        raise unsupported(f"{path}.vector_store_ids", "may hold one id: several are not searched together")
    _check_ranking(tool.ranking_options, f"{path}.ranking_options")
    arguments: JsonObject = {}
    if stores:
        arguments["tags"] = stores
    if tool.filters is not None:
        arguments["metadata"] = _metadata(tool.filters, f"{path}.filters")
    if tool.max_num_results is not None:
        arguments["top_k"] = tool.max_num_results
    return [offer_of(entry, OfferKind.FILE_SEARCH, arguments)]


def code_interpreter(tool: CodeTool, known: Known, path: str) -> list[Offer]:
    """Python. Raises ApiError."""
    entry = known.at_hand(PYTHON_EXEC.name, path)
    arguments: JsonObject = {}
    if isinstance(tool.container, Container):
        _check_container(tool.container, f"{path}.container")
    elif tool.container is not None:
        arguments[SESSION] = tool.container
    return [offer_of(entry, OfferKind.CODE_INTERPRETER, arguments, hidden=(SESSION, LANGUAGE))]


def with_session(offered: Offered, response_id: str) -> Offered:
    """Programs that were given no container share one that is named by the response."""
    if offered.kind is not OfferKind.CODE_INTERPRETER or SESSION in offered.arguments:
        return offered
    return offered.model_copy(update={"arguments": offered.arguments | {SESSION: response_id}})


def _search_arguments(tool: WebSearchTool) -> JsonObject:
    arguments = _hosts(tool)
    if tool.user_location is not None:
        arguments |= _location(tool.user_location)
    if tool.external_web_access is False:
        arguments["offline_mode"] = True
    return arguments


def _hosts(tool: WebSearchTool) -> JsonObject:
    """Where it may look."""
    allowed = None if tool.filters is None else tool.filters.allowed_domains
    return {"domain_allow_list": allowed} if allowed else {}


def _location(where: UserLocation) -> JsonObject:
    named = ", ".join(name for name in (where.city, where.region) if name)
    country = {} if where.country is None else {"gl": where.country.lower()}
    return country | ({"location_hint": named} if named else {})


def _check_ranking(options: RankingOptions | None, path: str) -> None:
    if options is None:
        return
    if options.ranker not in RANKERS:
        raise unsupported(f"{path}.ranker", "can only be auto")
    if options.score_threshold:
        raise unsupported(f"{path}.score_threshold", "is not offered: scores compare within one answer only")
    if options.hybrid_search is not None:
        raise unsupported(f"{path}.hybrid_search", "is not offered: meanings and words always count both")


def _metadata(given: JsonObject, path: str) -> JsonObject:
    """What a document's metadata must hold."""
    kind = given.get("type")
    if kind == "and":
        wanted: JsonObject = {}
        for at, one in enumerate(checked_at(Compound, given, path).filters):
            for name, value in _metadata(one, f"{path}.filters[{at}]").items():
                if wanted.setdefault(name, value) != value:
                    raise invalid(f"{path}.filters[{at}]", "contradicts the filters before it")
        return wanted
    if kind != "eq":
        raise unsupported(f"{path}.type", "can only be eq, or an and of these")
    comparison = checked_at(Comparison, given, path)
    return {comparison.key: comparison.value}


def _check_container(container: Container, path: str) -> None:
    if container.file_ids:
        raise unsupported(f"{path}.file_ids", "are not offered: programs write the files that they need")
    if container.memory_limit is not None:
        raise unsupported(f"{path}.memory_limit", "is not offered: the deployment sets it")
    policy = container.network_policy
    if policy is not None and policy.get("type") not in CLOSED:
        raise unsupported(f"{path}.network_policy", "can only be disabled: programs reach no network")
