"""What a list is asked for, and the page that answers: the same on every list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from fastapi import Depends, Query, Request

from contracts.errors import ApiError, ErrorCode
from contracts.wire.lists import Page

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_ID = 128
"""Characters of an id; no id of ours is longer."""
NAMES = ("limit", "after", "order")
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class PageAsk:
    """Which part of a list is wanted."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    """The id of the item that the part comes behind."""
    order: Literal["asc", "desc"] = "desc"


def page_ask(
    request: Request,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="How many items at most", examples=[DEFAULT_LIMIT])
    ] = DEFAULT_LIMIT,
    after: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=MAX_ID,
            pattern="^[!-~]+$",
            description="An id from the list: the items behind it. An unknown one is an error",
        ),
    ] = None,
    order: Annotated[
        Literal["asc", "desc"], Query(description="`desc`: the newest first", examples=["desc"])
    ] = "desc",
) -> PageAsk:
    """The query of a list. Raises ApiError naming the parameter that is wrong."""
    for name in NAMES:
        given = request.query_params.getlist(name)
        if len(given) > 1:
            raise ApiError(ErrorCode.INVALID_VALUE, f"{name} may be given once", param=name)
    written = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (written.isascii() and written.isdigit()):  # pydantic takes 5.0, +5 and 1_0 for numbers, too
        message = f"limit must be a whole number from 1 to {MAX_LIMIT}"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="limit")
    return PageAsk(limit, after, order)


Paging = Annotated[PageAsk, Depends(page_ask)]
"""A list route's parameter."""


def page_of(items: Sequence[ItemT], has_more: bool, id_of: Callable[[ItemT], str]) -> Page[ItemT]:  # noqa: FBT001  as `keyset` gives it
    """The page of these items, of which there are more or not."""
    last = id_of(items[-1]) if items else None
    return Page(
        data=list(items),
        first_id=id_of(items[0]) if items else None,
        last_id=last,
        has_more=has_more,
        next_after=last if has_more else None,
    )
