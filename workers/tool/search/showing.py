"""What was found becomes the result of a call."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from contracts.tools.search import SearchArguments, SearchHit, SearchResult
from workers.tool.search.choosing import Answered
from workers.tool.search.engine import JsonObject
from workers.tool.search.texts import LONGEST_TITLE, shortened

LIVE, CACHE = "live", "cache"
MOST_TOLD = 16 * 1024
"""Bytes of one thing that an engine tells beside its results; larger ones are left out, and that is said."""


def result_of(
    asked: SearchArguments, answered: Answered, now: datetime, *, max_snippet: int, max_raw: int
) -> SearchResult:
    """The result of a search that was done now. Limits in characters, and in bytes."""
    hits = [
        SearchHit(
            position=position,
            title=shortened(one.title, LONGEST_TITLE),
            source_url=one.url,
            snippet=one.snippet and shortened(one.snippet, max_snippet),
            date=one.date and shortened(one.date, LONGEST_TITLE),
            cache_status=LIVE,
            fetched_at=now,
        )
        for position, one in enumerate(answered.gathered.found, 1)
    ]
    raw, is_dropped = _within(answered.gathered.raw, max_raw)
    return SearchResult(
        query=asked.q,
        engine=answered.engine,
        live=True,
        cache_status=LIVE,
        metadata=metadata_of(answered) | ({"raw_left_out": is_dropped} if is_dropped else {}),
        results=hits,
        citations=[hit.source_url for hit in hits],
        raw=raw,
    )


def metadata_of(answered: Answered) -> JsonObject:
    """What is to be known of the search beside its results: only what there is."""
    gathered = answered.gathered
    own = {
        "pages": gathered.pages,
        "failures": [asdict(one) for one in answered.failures],
        "not_honoured": list(answered.not_honoured),
        "outside_domain_allow_list": gathered.elsewhere,
        "without_web_address": gathered.skipped,
        "incomplete": gathered.cut_short,
    }
    told, left_out = {}, []
    for name, value in gathered.tells.items():
        if _size(value) <= MOST_TOLD:
            told[name] = value
        else:
            left_out.append(name)
    return {name: value for name, value in {**told, **own, "left_out": left_out}.items() if value}


def again(result: SearchResult) -> SearchResult:
    """A kept result, as it is given once more."""
    hits = [hit.model_copy(update={"cache_status": CACHE}) for hit in result.results]
    return result.model_copy(update={"live": False, "cache_status": CACHE, "results": hits})


def _within(raw: JsonObject, most: int) -> tuple[JsonObject, str | None]:
    """It, or nothing and why."""
    size = _size(raw)
    return (raw, None) if size <= most else ({}, f"it has {size:,} bytes; at most {most:,} are repeated")


def _size(value: Any) -> int:  # any JSON
    return len(json.dumps(value, ensure_ascii=False).encode())
