"""What completions have to do with conversations: what is recalled before a call, and what is kept of it."""

from workers.completion.memory.keeping import TurnKeeper
from workers.completion.memory.patience import Patience
from workers.completion.memory.recall import Recall
from workers.completion.memory.tokenizers import Tokenizers, open_tokenizers
from workers.completion.memory.whole import Memory, open_memory

__all__ = ["Memory", "Patience", "Recall", "Tokenizers", "TurnKeeper", "open_memory", "open_tokenizers"]
