"""OpenAI's chat completions in Anthropic's Messages API (platform.claude.com/docs/en/api/messages), and back.

A request's body is translated (`messages_body`), and so are a whole answer (`completion_of`), the events of a
stream (`Chunks`) and a page of the list of models (`models_page`).
"""

from workers.completion.core.anthropic.answer import completion_of
from workers.completion.core.anthropic.catalog import models_page
from workers.completion.core.anthropic.events import Chunks, has_stop
from workers.completion.core.anthropic.failures import ours
from workers.completion.core.anthropic.request import messages_body

__all__ = ["Chunks", "completion_of", "has_stop", "messages_body", "models_page", "ours"]
