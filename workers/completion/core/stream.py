"""Folds a provider's stream into ours, payload by payload, and knows at the end whether it was whole.

A chunk keeps all that the provider put into it and gets our id, its number and the tier. The stream is whole
when every choice that began has its finish reason, and either `[DONE]` came or as many choices as were asked
for finished: some providers just close.

A stream that goes on from what a lost attempt showed leaves out how it begins, which was shown too, and
counts both parts as one.
"""

from contracts.errors import ApiError, ErrorCode
from contracts.events import Ending, Usage
from contracts.jobs import Endpoint
from workers.completion.core.ending import text, told_usage
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject, write
from workers.completion.core.passing import may_pass
from workers.completion.core.shown import Shown, usage_with

DONE = b"[DONE]"
NOTHING = b"null"
"""How llama.cpp's server begins a stream of several legacy prompts."""


class Stream:
    """One stream of one call to the provider."""

    def __init__(  # noqa: PLR0913  what a stream is told of its job
        self,
        public_id: str,
        tier: str,
        *,
        wants_usage: bool,
        first_seq: int = 0,
        choices: int = 1,
        shown: Shown | None = None,
        endpoint: Endpoint = Endpoint.CHAT,
        told: JsonObject | None = None,
    ) -> None:
        """`told` is what the first chunk tells beside its own."""
        self._id = public_id
        self._tier = tier
        self._wants_usage = wants_usage
        self._seq = first_seq
        self._asked = choices
        self._shown = shown
        self._is_text = endpoint is Endpoint.COMPLETIONS
        self._fold = self._fold_text if self._is_text else self._fold_chat
        self._told = told if first_seq == 0 else None
        self._done = False
        self._model: object = None
        self._usage: object = None
        self._finish: dict[object, object] = {}
        self._content_chunks = 0

    @property
    def visible(self) -> bool:
        """Whether anything that a client can see was emitted: text, reasoning, a part of a tool call."""
        return self._content_chunks > 0

    @property
    def seq(self) -> int:
        """The number that the next chunk gets."""
        return self._seq

    @property
    def usage(self) -> Usage | None:
        """What was used so far: as the provider told last, else by counting; None when nothing came."""
        told = told_usage(self._usage)
        before = self._shown.usage if self._shown else None
        if told:
            return told.model_copy(update={"estimated": True}) if before else told
        if not self._content_chunks:
            return before
        before = before or Usage()
        written = before.output_tokens + self._content_chunks
        return before.model_copy(update={"output_tokens": written, "estimated": True})

    def feed(self, data: bytes) -> bytes | None:
        """The payload of our chunk for one `data:` payload; None when the client gets nothing of it.

        Raises ApiError for an error that the provider tells, and for what is no chunk.
        """
        if self._done or data.strip() == DONE:
            self._done = True
            return None
        try:
            chunk = _read_chunk(data)
        except ApiError:
            if self._is_text and data == NOTHING:
                return None
            raise
        choices = chunk["choices"]
        for choice in choices:
            self._fold(choice)
        if self._takes_usage(chunk) and not choices:
            return None
        if self._shown and self._was_shown(chunk):
            return None
        self._model = chunk.get("model", self._model)
        chunk["id"] = self._id
        chunk["x_seq"] = self._seq
        chunk["service_tier"] = self._tier
        self._seq += 1
        if self._told:
            chunk.update(self._told)
            self._told = None
        return write(chunk)

    def close(self) -> Ending:
        """What the stream came to, after the provider's last payload. Raises ApiError when it was cut."""
        if not self._is_whole():
            sentence = "The provider's stream ended before its answer did."
            raise may_pass(ApiError(ErrorCode.PROVIDER_STREAM_CUT, sentence))
        reason = self._finish.get(0) or next(iter(self._finish.values()))
        return Ending(model=text(self._model), finish_reason=text(reason), usage=self.usage)

    def _fold_text(self, choice: JsonObject) -> None:
        """A choice of a legacy completion, which holds its text itself."""
        if type(choice) is not dict:
            raise bad_answer("The provider sent a choice that is not an object.")
        self._fold_chat({**choice, "delta": {"content": choice.get("text")}})

    def _fold_chat(self, choice: JsonObject) -> None:
        try:
            index = choice.get("index", 0)
            reason = choice.get("finish_reason")
            if reason or index not in self._finish:
                self._finish[index] = reason
            delta = choice.get("delta")
            if delta and _is_visible(delta):
                self._content_chunks += 1
        except (AttributeError, TypeError) as error:
            raise bad_answer("The provider sent a choice that is not an object.") from error

    def _takes_usage(self, chunk: JsonObject) -> bool:
        """Note the usage in a chunk; whether it is for us alone, since the client did not ask for it."""
        usage = chunk.get("usage")
        if usage:
            if self._shown and type(usage) is dict:
                usage = chunk["usage"] = usage_with(self._shown, usage)
            self._usage = usage
            return not self._wants_usage
        if usage is None and not self._wants_usage:
            chunk.pop("usage", None)
        return False

    def _was_shown(self, chunk: JsonObject) -> bool:
        """Whether a chunk only begins what a lost attempt had begun; else it gets that one's time."""
        tells_usage = chunk.get("usage") and not chunk["choices"]
        if not (self.visible or tells_usage or any(self._finish.values())):
            return True
        if self._shown and self._shown.created is not None:
            chunk["created"] = self._shown.created
        return False

    def _is_whole(self) -> bool:
        if not self._finish or not all(self._finish.values()):
            return False
        return self._done or len(self._finish) >= self._asked


def _read_chunk(data: bytes) -> JsonObject:
    chunk = read_said(data)
    choices = chunk.get("choices")
    if choices is None and ("choices" in chunk or chunk.get("usage")):
        choices = chunk["choices"] = []  # how servers in Go write an empty list
    if type(choices) is not list:
        raise bad_answer("The provider sent a chunk without choices.")
    return chunk


def _is_visible(delta: JsonObject) -> bool:
    for name, value in delta.items():  # noqa: SIM110  a generator costs as much again, for every token
        if value and name != "role":
            return True
    return False
