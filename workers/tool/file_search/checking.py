"""What can be indexed and asked at all; what cannot is told in a sentence."""

import json
import math
from typing import Any

from contracts.tools.file_search import IndexArguments, QueryArguments
from workers.tool.core.arguments import BadArguments

USUAL_PASSAGES = 5
MOST_PASSAGES = 20
MOST_METADATA = 64 * 1024
"""Characters of a document's metadata as JSON."""
DEEPEST = 16
"""Lists and objects within each other."""
LONGEST_TAG = 128
LONGEST_ID = 256

Json = Any  # any JSON value


def check_document(asked: IndexArguments) -> None:
    """Nothing for what can be kept. Raises BadArguments."""
    check_text("document_id", asked.document_id)
    check_text("text", asked.text)
    check_tags(asked.tags)
    check_metadata(asked.metadata)


def check_query(asked: QueryArguments) -> None:
    """Nothing for what can be asked. Raises BadArguments."""
    check_text("query", asked.query)
    check_ids(asked.document_ids)
    check_tags(asked.tags)
    check_metadata(asked.metadata)


def check_ids(ids: list[str]) -> None:
    """Nothing for what may be names of documents. Raises BadArguments."""
    for one in ids:
        if not 1 <= len(one) <= LONGEST_ID:
            raise BadArguments(f"A document_id has 1 to {LONGEST_ID} characters")
        check_text("document_ids", one)


def check_tags(tags: list[str]) -> None:
    """Nothing for what may be tags. Raises BadArguments."""
    for tag in tags:
        if not 1 <= len(tag) <= LONGEST_TAG:
            raise BadArguments(f"A tag has 1 to {LONGEST_TAG} characters")
        check_text("tags", tag)


def check_metadata(metadata: dict[str, Json]) -> None:
    """Nothing for what may be metadata. Raises BadArguments."""
    if _depth_of(metadata, 0) > DEEPEST:
        raise BadArguments(f"metadata may be {DEEPEST} levels deep")
    written = json.dumps(metadata, ensure_ascii=False)
    if len(written) > MOST_METADATA:
        raise BadArguments(
            f"metadata may have {MOST_METADATA:,} characters as JSON; these are {len(written):,}"
        )
    for text in _texts(metadata):
        check_text("metadata", text)


def check_text(name: str, text: str) -> None:
    """Nothing for what PostgreSQL can keep. Raises BadArguments."""
    if "\0" in text:
        raise BadArguments(f"{name} holds a NUL character, which cannot be stored")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadArguments(f"{name} holds half of a surrogate pair, which is no character") from error
    if not text.strip():
        raise BadArguments(f"{name} is blank")


def passages_wanted(top_k: int) -> int:
    """How many passages are given: what is no number of passages is the usual one."""
    return min(top_k, MOST_PASSAGES) if top_k > 0 else USUAL_PASSAGES


def _depth_of(value: Json, above: int) -> int:
    """How deep it is, as far as it is not too deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None or above > DEEPEST:
        return above
    return max((_depth_of(one, above + 1) for one in inner), default=above + 1)


def _texts(value: Json) -> list[str]:
    match value:
        case str():
            return [value] if value.strip() else []
        case float() if not math.isfinite(value):
            raise BadArguments("metadata holds a number that JSON does not have")
        case dict():
            names = [name for name in value if name.strip()]
            return names + [text for one in value.values() for text in _texts(one)]
        case list():
            return [text for one in value for text in _texts(one)]
        case _:
            return []
