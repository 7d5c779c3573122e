"""Model turns of responses: what the model is told, and what becomes of its answer."""

from workers.completion.responses.keeping import ResponseKeeper
from workers.completion.responses.preparing import ResponsePreparation

__all__ = ["ResponseKeeper", "ResponsePreparation"]
