"""Model turns of responses: what the model is told, what becomes of its answer, and what it would be told."""

from workers.completion.responses.counting import ResponseCounting
from workers.completion.responses.keeping import ResponseKeeper
from workers.completion.responses.preparing import ResponseChats, ResponsePreparation

__all__ = ["ResponseChats", "ResponseCounting", "ResponseKeeper", "ResponsePreparation"]
