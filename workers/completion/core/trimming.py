"""How much of a conversation reaches the model.

The model's context length is the least of the offers' that may be asked. From it goes what the answer may
take: `max_completion_tokens` or `max_tokens`, else 1,024 tokens, but at most a quarter of the context. The
rest is the budget. The instructions, the tools and the request's own messages are sent in any case; of the
history, whole turns go, the oldest first, until the rest fits. A turn begins with a message of the user, and
takes the answer, the calls of tools and their outputs with it. What doesn't fit even without a history is
sent as it is, and the provider says so. Without a known context length nothing is left out.

Tokens are counted only where it matters: a token is at least a byte of text, so what has fewer bytes than the
budget has tokens fits. Else the provider's tokenizer counts, where it offers one; else, and where that does
not answer, four ASCII characters are taken for a token, and every other character for one. An image, a sound
or a file counts as 765. Each message costs 8 more, for what a chat template puts around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workers.completion.core.jsontext import JsonObject, write

USUAL_RESERVE = 1_024
MESSAGE_TOKENS = 8
MEDIA_TOKENS = 765
"""Of an image in high detail, 1024 pixels square (OpenAI's guide to vision)."""
ASCII_PER_TOKEN = 4
BLOCKS = 16
"""A budget is counted in so many parts, each by one question to the tokenizer."""
LEAST_BLOCK = 4_096
"""Bytes."""
BYTES_PER_TOKEN = 16
"""No history is read beyond so many bytes for each token of the budget: it is surely longer."""


class Counter(Protocol):
    """A tokenizer, which may be elsewhere."""

    async def count(self, text: str) -> int | None:
        """The tokens of a text; None where it cannot be told."""


class ChatCounter(Counter, Protocol):
    """One that knows how a model's template writes chats."""

    async def count_chat(self, body: JsonObject) -> int | None:
        """The tokens of a chat of texts, its tools included; None where it cannot be told."""


@dataclass(frozen=True)
class Weight:
    """What a message is made of, as far as it costs."""

    text: str
    media: int = 0
    messages: int = 1

    @property
    def most(self) -> int:
        """Tokens that it surely does not exceed."""
        return len(self.text.encode("utf-8", "replace")) + self.extra

    @property
    def extra(self) -> int:
        """Tokens beside those of its text."""
        return self.media * MEDIA_TOKENS + self.messages * MESSAGE_TOKENS


def budget_of(context: int, body: JsonObject) -> int:
    """Tokens of a context that are left for what is asked."""
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    usual = min(USUAL_RESERVE, context // 4)
    return max(context - (asked if isinstance(asked, int) and asked > 0 else usual), 0)


def turns_of(history: Sequence[JsonObject]) -> list[list[JsonObject]]:
    """The history's turns, the oldest first; what stands before the first question is one, too."""
    turns: list[list[JsonObject]] = []
    for message in history:
        if not turns or message["role"] == "user":
            turns.append([])
        turns[-1].append(message)
    return turns


async def trimmed(
    history: Sequence[JsonObject], fixed: Sequence[JsonObject], budget: int, counter: Counter
) -> list[JsonObject]:
    """The newest turns that fit beside what is sent in any case."""
    turns = turns_of(history)
    own, weights = weight_of(fixed), [weight_of(turn) for turn in turns]
    if own.most + sum(weight.most for weight in weights) <= budget:
        return list(history)
    left = budget - await _tokens(own, counter)
    kept = await _fitting(weights[::-1], left, budget, counter) if left > 0 else 0
    return [message for turn in turns[len(turns) - kept :] for message in turn]


async def chat_tokens(body: JsonObject, counter: ChatCounter) -> int:
    """What a chat costs before it is answered: as its model's template writes it where that can be asked,
    else as its texts are counted here. Media are estimated in any case."""
    messages: list[JsonObject] = body["messages"]
    told = await counter.count_chat(body | {"messages": [_without_media(one) for one in messages]})
    if told is None:
        return await _tokens(weight_of([*messages, *tools_told(body)]), counter)
    return told + weight_of(messages).media * MEDIA_TOKENS


def tools_told(body: JsonObject) -> list[JsonObject]:
    """The tools as a message, for what they cost."""
    tools = body.get("tools")
    return [{"role": "tools", "content": write({"tools": tools}).decode()}] if tools else []


def estimated(text: str) -> int:
    """Tokens of a text, by its characters."""
    plain = len(text.encode("ascii", "ignore"))
    return -(-plain // ASCII_PER_TOKEN) + len(text) - plain


def weight_of(messages: Sequence[JsonObject]) -> Weight:
    """What messages cost together; a tool's schema counts as one."""
    texts: list[str] = []
    media = 0
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            found = [part.get("text") for part in content if isinstance(part, dict)]
            texts += [text for text in found if isinstance(text, str)]
            media += sum(not isinstance(text, str) for text in found)
        elif isinstance(content, str):
            texts.append(content)
        rest = {name: value for name, value in message.items() if name not in ("role", "content") and value}
        if rest:
            texts.append(write(rest).decode("utf-8", "replace"))
    return Weight("\n".join(texts), media, len(messages))


def _without_media(message: JsonObject) -> JsonObject:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return message | {"content": [part for part in content if isinstance(part.get("text"), str)]}


async def _fitting(weights: Sequence[Weight], left: int, budget: int, counter: Counter) -> int:
    """How many turns, the newest first, fit into what is left."""
    kept = 0
    for block in _blocks(weights, max(LEAST_BLOCK, budget * ASCII_PER_TOKEN // BLOCKS)):
        tokens = await _tokens(_together(block), counter)
        if tokens > left:
            return kept + await _fitting_singly(block, left, counter)
        left -= tokens
        kept += len(block)
    return kept


async def _fitting_singly(weights: Sequence[Weight], left: int, counter: Counter) -> int:
    for at, weight in enumerate(weights):
        left -= await _tokens(weight, counter)
        if left < 0:
            return at
    return len(weights)


def _blocks(weights: Sequence[Weight], size: int) -> list[list[Weight]]:
    blocks: list[list[Weight]] = []
    filled = size
    for weight in weights:
        if filled >= size:
            blocks.append([])
            filled = 0
        blocks[-1].append(weight)
        filled += len(weight.text)
    return blocks


def _together(weights: Sequence[Weight]) -> Weight:
    return Weight(
        "\n".join(weight.text for weight in weights),
        sum(weight.media for weight in weights),
        sum(weight.messages for weight in weights),
    )


async def _tokens(weight: Weight, counter: Counter) -> int:
    counted = await counter.count(weight.text) if weight.text else 0
    return (estimated(weight.text) if counted is None else counted) + weight.extra
