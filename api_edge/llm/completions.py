"""POST /v1/completions, as it was before there were chats."""

from typing import Any

from pydantic import ValidationError
from starlette.types import Scope

from api_edge.deps import Edge
from api_edge.errors import invalid_request
from api_edge.limits.estimate import expected_of_text
from api_edge.llm.calls import ModelCall, Wanted
from contracts.envelope import Caller
from contracts.jobs import CompletionJob, Endpoint
from contracts.wire.completions import CompletionRequest

PATH = "/v1/completions"
USUAL_TOKENS = 16
"""Of an answer whose request sets no limit (OpenAI's default here)."""


def completions(edge: Edge) -> ModelCall:
    """The hot route."""

    async def check(_scope: Scope, _caller: Caller, body: dict[str, Any], size: int) -> Wanted:
        wanted = checked(body)
        prompts = len(wanted.prompt) if _are_several(wanted.prompt) else 1
        job = CompletionJob(
            model=wanted.model, stream=bool(wanted.stream), body=body, endpoint=Endpoint.COMPLETIONS
        )
        answer = USUAL_TOKENS if wanted.max_tokens is None else wanted.max_tokens
        choices = max(wanted.n or 1, wanted.best_of or 1) * prompts
        return Wanted(job, wanted.lane(), expected_of_text(wanted.model, size, answer, choices))

    return ModelCall(edge, PATH, check)


def checked(body: dict[str, Any]) -> CompletionRequest:
    """The request, with the types of its known fields checked. Raises ApiError naming the field."""
    try:
        return CompletionRequest.model_validate(body, strict=True)
    except ValidationError as error:
        raise invalid_request(error, body) from error


def _are_several(prompt: object) -> bool:
    return isinstance(prompt, list) and not all(isinstance(one, int) for one in prompt)
