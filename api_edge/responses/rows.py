"""A response that is accepted, as its rows."""

from datetime import timedelta
from typing import Any

from api_edge.responses.approvals import called_of
from api_edge.responses.asking import Asking
from api_edge.responses.plan import plan_of
from contracts.ids import response_id
from contracts.jobs import ResponseEnvelope
from contracts.responses.objects import asked_of
from contracts.responses.plan import ResponsePlan
from infra.settings import ResponseSettings
from infra.store.conversations import MAIN
from infra.store.response_items import ResponseItemRow
from infra.store.responses import ResponseRow
from infra.telemetry.spans import Span

KEPT = timedelta(days=30)
"""Of a stored response, from its beginning."""
NESTED = ("text", "reasoning")

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


def row_of(
    asking: Asking,
    envelope: ResponseEnvelope,
    span: Span,
    settings: ResponseSettings,
    *,
    retention: float,
) -> ResponseRow:
    """The response's own row. `retention`: seconds that what is not stored is kept."""
    wanted, created, place = asking.wanted, envelope.asked_at, asking.place
    is_stored = wanted.store is not False
    is_quiet = asking.is_background and not asking.is_stream
    kept = KEPT if is_stored else timedelta(seconds=retention)
    return ResponseRow(
        response_id=response_id(envelope.job_id),
        tenant=envelope.tenant,
        user_id=envelope.caller.user_id,
        model=wanted.model,
        previous_response_id=wanted.previous_response_id,
        conversation_id=None if place is None else place.conversation_id,
        branch=MAIN if place is None else place.branch,
        after=0 if place is None else place.after,
        is_stored=is_stored,
        is_background=asking.is_background,
        is_streamed=asking.is_stream,
        asked=_asked(asking),
        plan=_plan(asking, envelope.job_id, settings).model_dump(mode="json"),
        envelope=envelope.model_copy(update={"reply_to": None if is_quiet else envelope.reply_to}).model_dump(
            mode="json"
        ),
        trace=_trace(span),
        created_at=created,
        due_at=envelope.deadline,
        expires_at=created + kept,
    )


def item_rows(asking: Asking, row: ResponseRow) -> list[ResponseItemRow]:
    """What was put in."""
    return [
        ResponseItemRow(
            response_id=row.response_id,
            is_output=False,
            position=at,
            item_id=put.item["id"],
            item=put.item,
            said=put.said,
            created_at=row.created_at,
        )
        for at, put in enumerate(asking.items)
    ]


def _plan(asking: Asking, job_id: str, settings: ResponseSettings) -> ResponsePlan:
    named = response_id(job_id)
    plan = plan_of(asking.wanted, asking.offers, named, settings, is_prompted=asking.is_prompted)
    first = len(plan.lists)
    calls = tuple(called_of(one, at, named) for at, one in enumerate(asking.approved, first))
    return plan.model_copy(update={"approved": calls})


def _asked(asking: Asking) -> JsonObject:
    """What the object repeats; the tier is the one that is used."""
    said = {
        name: {key: one for key, one in value.items() if one is not None} if name in NESTED else value
        for name, value in asking.body.items()
        if value is not None
    }
    return asked_of(said) | {"service_tier": asking.wanted.lane().value}


def _trace(span: Span) -> dict[str, str]:
    trace = {"traceparent": span.traceparent}
    if span.tracestate:
        trace["tracestate"] = span.tracestate
    return trace
