"""What lost attempts showed of a stream, read from the chunks that they left in the log."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.events import Usage
from workers.completion.core.ending import count_in, text, told_usage
from workers.completion.core.jsontext import JsonObject, read_object


@dataclass
class Shown:
    """The part of an answer that its client has."""

    text: str = ""
    tokens: int = 0
    """Chunks that showed something."""
    created: int | None = None
    model: str | None = None
    is_only_text: bool = True
    """Whether nothing was shown but the text of one choice."""
    finish: dict[object, str | None] = field(default_factory=dict)
    """The finish reason of each choice that began."""
    told: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        """What it used: as the provider told, else by counting."""
        if self.told or not self.tokens:
            return self.told
        return Usage(output_tokens=self.tokens, estimated=True)

    def ended(self, choices: int) -> bool:
        """Whether each of so many choices had its finish reason."""
        return len(self.finish) >= choices and all(self.finish.values())


def shown_by(payloads: Sequence[bytes]) -> Shown:
    """Fold the payloads of chunks, which are our own."""
    shown = Shown()
    for payload in payloads:
        _fold(shown, read_object(payload))
    shown.text = _joined(shown)
    return shown


def usage_with(shown: Shown, usage: JsonObject) -> JsonObject:
    """The usage of a whole answer, made of what the provider told of its last part.

    It read the first part as prompt. A token of that is a chunk, as far as we know.
    """
    read = max(count_in(usage, "prompt_tokens") - shown.tokens, 0)
    written = count_in(usage, "completion_tokens") + shown.tokens
    whole = usage | {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        cached = min(count_in(details, "cached_tokens"), read)
        whole["prompt_tokens_details"] = details | {"cached_tokens": cached}
    return whole


def _fold(shown: Shown, chunk: JsonObject) -> None:
    created = chunk.get("created")
    if shown.created is None and isinstance(created, int):
        shown.created = created
    shown.model = text(chunk.get("model")) or shown.model
    shown.told = told_usage(chunk.get("usage")) or shown.told
    for choice in chunk["choices"]:
        _fold_choice(shown, choice)


def _fold_choice(shown: Shown, choice: JsonObject) -> None:
    index, reason = choice.get("index", 0), text(choice.get("finish_reason"))
    shown.finish[index] = reason or shown.finish.get(index)
    delta = {"content": choice["text"]} if "text" in choice else choice.get("delta") or {}
    visible = {name: value for name, value in delta.items() if value and name != "role"}
    if not visible:
        return
    shown.tokens += 1
    content = visible.pop("content", None)
    if visible or index != 0 or not isinstance(content, str):
        shown.is_only_text = False
    else:
        shown.text += content


def _joined(shown: Shown) -> str:
    """The text with its surrogate pairs whole; one that lacks its second half is no text to go on with."""
    try:
        return shown.text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        shown.is_only_text = False
        return ""
