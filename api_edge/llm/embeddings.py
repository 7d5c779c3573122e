"""POST /v1/embeddings."""

from typing import Any

from pydantic import ValidationError
from starlette.types import Scope

from api_edge.deps import Edge
from api_edge.errors import invalid_request
from api_edge.limits.estimate import expected_of_text
from api_edge.llm.calls import ModelCall, Wanted
from contracts.envelope import Caller
from contracts.jobs import CompletionJob, Endpoint
from contracts.wire.embeddings import EmbeddingRequest

PATH = "/v1/embeddings"


def embeddings(edge: Edge) -> ModelCall:
    """The hot route."""

    async def check(_scope: Scope, _caller: Caller, body: dict[str, Any], size: int) -> Wanted:
        wanted = checked(body)
        job = CompletionJob(model=wanted.model, body=body, endpoint=Endpoint.EMBEDDINGS)
        return Wanted(job, wanted.lane(), expected_of_text(wanted.model, size, answer_tokens=0))

    return ModelCall(edge, PATH, check)


def checked(body: dict[str, Any]) -> EmbeddingRequest:
    """The request, with the types of its known fields checked. Raises ApiError naming the field."""
    try:
        return EmbeddingRequest.model_validate(body, strict=True)
    except ValidationError as error:
        raise invalid_request(error, body) from error
