"""Who changes something, as the audit log names them."""

from typing import Annotated

from fastapi import Depends, Request

from api_edge.middleware.identity import SignedIn
from infra.store.audit import Actor


def acting(request: Request, caller: SignedIn) -> Actor:
    """The caller, and the request by which the change can be found elsewhere."""
    return Actor(caller.user_id, request.scope["state"].get("request_id"))


Acting = Annotated[Actor, Depends(acting)]
"""A route's parameter."""
