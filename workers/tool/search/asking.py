"""What an engine is asked, as far as it is the same for all of them."""

from collections.abc import Sequence

from contracts.tools.search import SearchArguments

LONGEST_QUERY = 2_048
"""Characters: Google takes no more."""
MOST_SITES = 30
"""Hosts in a query: Google reads 32 words."""


def place_of(asked: SearchArguments) -> str | None:
    """From where is searched."""
    return asked.location or asked.location_hint


def query_of(asked: SearchArguments) -> str:
    """The query, with the allowed hosts as far as they fit."""
    sites = sites_asked(asked.q, asked.domain_allow_list)
    if not sites:
        return asked.q
    clause = " OR ".join(f"site:{site}" for site in sites)
    return f"{asked.q} ({clause})" if len(sites) > 1 else f"{asked.q} {clause}"


def sites_asked(query: str, allowed: Sequence[str]) -> list[str]:
    """Which of the hosts stand in the query; results are filtered by all of them anyway."""
    room = LONGEST_QUERY - len(query) - len(" ()")
    sites: list[str] = []
    for host in allowed[:MOST_SITES]:
        room -= len(f"site:{host} OR ")
        if room < 0:
            break
        sites.append(host.lower())
    return sites


def sites_left_out(asked: SearchArguments) -> list[str]:
    """A sentence about the hosts that do not fit into a query, where there are any."""
    stand, all_of_them = len(sites_asked(asked.q, asked.domain_allow_list)), len(asked.domain_allow_list)
    if stand == all_of_them:
        return []
    return [f"domain_allow_list: {stand} of {all_of_them} hosts fit into a query; results are of all of them"]


def question_of(asked: SearchArguments) -> str:
    """What tells one search from another in the cache: everything but whether an engine may be asked."""
    return asked.model_copy(update={"offline_mode": False}).model_dump_json()
