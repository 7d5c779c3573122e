"""What the completion worker decides: values in, values out, no clock and no socket.

A request's body becomes the provider's (`upstream_body`), a provider's stream is folded into ours (`Stream`),
a whole answer is checked and named (`whole_answer`), and whatever a provider says of its own failure becomes
an ApiError (`refusal`, `told_error`). One that may pass (`MayPass`) is tried again (`next_try`); what a lost
worker left behind is gone on with, where that can be done (`gone_on`).
"""

from workers.completion.core.answer import whole_answer
from workers.completion.core.catalog import ListedModel, context_of_props, listed_models
from workers.completion.core.continuation import Complete, Continue, Lost, Prefill, gone_on
from workers.completion.core.elsewhere import NotAsked, goes_elsewhere, is_illness, is_limit
from workers.completion.core.ending import ending_of, usage_payload
from workers.completion.core.failures import REDACTED, bad_answer, read_said, refusal, scrubbed, told_error
from workers.completion.core.passing import MayPass, may_pass, reworded
from workers.completion.core.planning import Cost, Plan, billed, planned, priced
from workers.completion.core.port import Candidate, Provider
from workers.completion.core.request import choices_of, upstream_body, wants_usage
from workers.completion.core.retry import RetryRule, next_try
from workers.completion.core.shown import Shown
from workers.completion.core.stream import DONE, Stream
from workers.runtime.breaker import Breaker, BreakerRule, BreakerState
from workers.runtime.waiting import seconds_to_wait

__all__ = [
    "DONE",
    "REDACTED",
    "Breaker",
    "BreakerRule",
    "BreakerState",
    "Candidate",
    "Complete",
    "Continue",
    "Cost",
    "ListedModel",
    "Lost",
    "MayPass",
    "NotAsked",
    "Plan",
    "Prefill",
    "Provider",
    "RetryRule",
    "Shown",
    "Stream",
    "bad_answer",
    "billed",
    "choices_of",
    "context_of_props",
    "ending_of",
    "goes_elsewhere",
    "gone_on",
    "is_illness",
    "is_limit",
    "listed_models",
    "may_pass",
    "next_try",
    "planned",
    "priced",
    "read_said",
    "refusal",
    "reworded",
    "scrubbed",
    "seconds_to_wait",
    "told_error",
    "upstream_body",
    "usage_payload",
    "wants_usage",
    "whole_answer",
]
