"""The route of edits, and what OpenAPI says of the calls that turns make."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic.json_schema import models_json_schema

from api_edge.conversations.turns import EDIT, REGENERATE
from api_edge.conversations.turns_desk import TurnDesk
from api_edge.llm.document import FAILURES, REF, REFUSALS, STREAM_EXAMPLE, on_disconnect
from api_edge.middleware.identity import SignedIn
from contracts.errors import ErrorCode
from contracts.wire.turns import AnswerRequest, Edited, EditRequest

JsonObject = dict[str, Any]  # an OpenAPI document

ConversationId = Annotated[
    str, Path(description="As its list tells it", examples=["conv_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])
]
ItemId = Annotated[
    str, Path(description="A message of the user", examples=["msg_01KB3M5Q8Z7V2T4X6Y8W0R1S2T_0"])
]
OWN = (ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)
CODES = [*OWN, *REFUSALS, *FAILURES]
EDIT_EXAMPLE = {"content": "And in winter?", "regenerate": False}
ANSWERS: JsonObject = {"text/event-stream": {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}}


def turn_router(desk: TurnDesk) -> APIRouter:
    """The route of edits that call no model; those that do are taken before (`TurnCalls`)."""
    router = APIRouter(tags=["conversations"])

    @router.post(
        EDIT,
        summary="Edit a question",
        responses={200: {"content": ANSWERS}},
        openapi_extra={"x-codes": CODES},
    )
    async def edit_item(
        caller: SignedIn, conversation_id: ConversationId, item_id: ItemId, body: EditRequest
    ) -> Edited:
        """Ask another way: the new wording begins a branch behind what was said before it, and that branch is
        then the active one. With `regenerate` it is answered at once, and the answer is that of
        `regenerate`; the branch is then made with the answer, when it has ended well."""
        return await desk.edit(caller, conversation_id, item_id, body.content)

    return router


def add_turns(document: JsonObject) -> JsonObject:
    """The document with the route that answers again."""
    _, schemas = models_json_schema([(AnswerRequest, "validation")], ref_template=REF)
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
    edit = document["paths"][EDIT]["post"]
    edit["requestBody"]["content"]["application/json"]["example"] = EDIT_EXAMPLE
    document["paths"][REGENERATE] = {"post": _regenerating(edit["parameters"])}
    return document


def _regenerating(ids: list[JsonObject]) -> JsonObject:
    usual = "cancel, or detach where an Idempotency-Key is given"
    return {
        "tags": ["conversations"],
        "summary": "Answer again",
        "description": "Makes an answer of the assistant again, from its question on: really, by the model "
        "that answered before or by another. The answer is a completion, streamed or whole, that tells "
        "beside it where it went: `branch` and `new_branch`, which is then the active one, "
        "`old_main_backup`, the branch before, and `user_item_id`, the question. The branch is made when "
        "the answer has ended well.",
        "operationId": "regenerate_item",
        "parameters": [*ids, on_disconnect(usual)],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": REF.format(model=AnswerRequest.__name__)},
                    "example": {"temperature": 0.7, "stream": False},
                }
            },
        },
        "responses": {
            "200": {
                "description": "The completion, or its stream",
                "content": {
                    "application/json": {"schema": {"$ref": REF.format(model="ChatCompletion")}},
                    **ANSWERS,
                },
            }
        },
        "x-codes": CODES,
    }
