"""How the scripted provider plays one answer: what it says, how fast, and where it misbehaves."""

from dataclasses import dataclass, fields
from typing import Literal, Self
from urllib.parse import parse_qsl

from pydantic import TypeAdapter
from typing_extensions import override

UsageIn = Literal["asked", "always", "finish", "every", "never"]
Fault = Literal["none", "reset", "close", "end", "silence", "bad_json", "error", "huge_line"]
Framing = Literal["chunked", "until_close", "short_length"]


@dataclass(frozen=True)
class Script:
    """One answer. Every field can also be given in the model's name: `any?tokens=100&gap=0.01`."""

    # What is said.
    tokens: int = 8
    """Pieces of text of each choice: `t0 `, `t1 `, ..."""
    word: str = "t"
    """What the pieces begin with, so that texts can be told from each other."""
    choices: int = 1
    tool: bool = False
    """Call a tool; the tokens are pieces of its arguments."""
    reasoning: int = 0
    """Pieces of `reasoning_content` before the text."""
    usage: UsageIn = "asked"
    """Where a stream tells it: in a last chunk when asked or always, in the finish, in each, nowhere."""
    finish: str = "stop"
    """The finish reason; empty for none."""
    done: bool = True
    """End a stream with `[DONE]`."""
    payloads: tuple[bytes, ...] | None = None
    """The stream's payloads, literally, in place of all of the above."""
    prefill: bool = False
    """Go on behind the text of a last message of the assistant, read as prompt, as llama.cpp does."""

    # How fast.
    first: float = 0.0
    """Seconds before the first token."""
    gap: float = 0.0
    """Seconds between tokens."""
    hold: int | None = None
    """Wait for `request.release()` before this payload; -1 waits before the answer's head."""

    # Answers that are no completion.
    status: int = 200
    body: bytes | None = None
    """The answer's body, literally, whatever was asked."""
    headers: tuple[tuple[str, str], ...] = ()
    """Added to the answer's head; a header given here replaces the usual one."""
    raw: bytes | None = None
    """All bytes of the answer, head included; then the connection is closed."""

    # Where a stream misbehaves. Payload 0 is the role, 1 the first token.
    fault: Fault = "none"
    after: int = 0
    """The fault strikes before this payload; -1 strikes before the answer's head."""
    size: int = 1_000_000
    """Bytes of a huge line."""
    error: str = '{"error":{"message":"the model fell over","type":"server_error","code":"fell_over"}}'
    """The payload of the fault `error`."""

    # How a stream is written.
    framing: Framing = "chunked"
    newline: str = "\n"
    comments: bool = False
    """A comment, an event name and an id around every payload."""
    bom: bool = False
    space: bool = True
    """A space behind `data:`."""
    multiline: bool = False
    """Each payload over several data lines."""
    slice: int = 0
    """Write this many bytes at a time; 0 writes whole events."""
    lingers: bool = False
    """Keep the connection open after the stream's last byte, without ending the answer."""

    @override
    def __str__(self) -> str:
        """What differs from an ordinary answer, for the names of tests."""
        values = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        return (
            " ".join(f"{name}={value!r:.60}" for name, value, usual in values if value != usual) or "ordinary"
        )

    @classmethod
    def named(cls, model: str, base: Self) -> Self:
        """The script that a model's name asks for, in what it does not say like `base`."""
        _, mark, query = model.partition("?")
        if not mark:
            return base
        values = {field.name: getattr(base, field.name) for field in fields(cls)}
        return TypeAdapter(cls).validate_python(values | dict(parse_qsl(query, strict_parsing=True)))
