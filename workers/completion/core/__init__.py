"""What the completion worker decides: values in, values out, no clock and no socket.

A request's body becomes the provider's (`upstream_body`), a provider's stream is folded into ours (`Stream`),
a whole answer is checked and named (`whole_answer`), and whatever a provider says of its own failure becomes
an ApiError (`refusal`, `told_error`).
"""

from workers.completion.core.answer import whole_answer
from workers.completion.core.catalog import listed_models
from workers.completion.core.failures import REDACTED, bad_answer, read_said, refusal, scrubbed, told_error
from workers.completion.core.outcome import Outcome
from workers.completion.core.port import Provider
from workers.completion.core.request import upstream_body, wants_usage
from workers.completion.core.stream import DONE, Stream

__all__ = [
    "DONE",
    "REDACTED",
    "Outcome",
    "Provider",
    "Stream",
    "bad_answer",
    "listed_models",
    "read_said",
    "refusal",
    "scrubbed",
    "told_error",
    "upstream_body",
    "wants_usage",
    "whole_answer",
]
