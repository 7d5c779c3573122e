"""What the completion worker decides: values in, values out, no clock and no socket.

A request's body becomes the provider's (`upstream_body`), a provider's stream is folded into ours (`Stream`),
a whole answer is checked and named (`whole_answer`), and whatever a provider says of its own failure becomes
an ApiError (`refusal`, `told_error`). One that may pass (`MayPass`) is tried again (`next_try`); what a lost
worker left behind is gone on with, where that can be done (`gone_on`).
"""

from workers.completion.core.answer import whole_answer
from workers.completion.core.catalog import listed_models
from workers.completion.core.continuation import Complete, Continue, Lost, gone_on
from workers.completion.core.ending import ending_of
from workers.completion.core.failures import REDACTED, bad_answer, read_said, refusal, scrubbed, told_error
from workers.completion.core.passing import MayPass, may_pass, reworded
from workers.completion.core.port import Provider
from workers.completion.core.request import choices_of, upstream_body, wants_usage
from workers.completion.core.retry import RetryRule, next_try
from workers.completion.core.shown import Shown
from workers.completion.core.stream import DONE, Stream
from workers.completion.core.waiting import seconds_to_wait

__all__ = [
    "DONE",
    "REDACTED",
    "Complete",
    "Continue",
    "Lost",
    "MayPass",
    "Provider",
    "RetryRule",
    "Shown",
    "Stream",
    "bad_answer",
    "choices_of",
    "ending_of",
    "gone_on",
    "listed_models",
    "may_pass",
    "next_try",
    "read_said",
    "refusal",
    "reworded",
    "scrubbed",
    "seconds_to_wait",
    "told_error",
    "upstream_body",
    "wants_usage",
    "whole_answer",
]
