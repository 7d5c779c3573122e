"""Tokenizers of providers, asked by HTTP.

    llama.cpp   POST <root>/tokenize {"content": text}              -> {"tokens": [...]}
                POST <root>/apply-template {"messages": [...], ...} -> {"prompt": text}
    vllm        POST <root>/tokenize {"model": id, "prompt": text}  -> {"count": 3, ...}
                POST <root>/tokenize {"model": id, "messages": [...], ...}, the same

The root is the provider's address without its `/v1`. Only trusted providers, which an operator has set up,
are asked, and each for a few seconds at most: who does not answer once is not asked again for that request,
and an estimate takes its place (`core.trimming`).
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp

from infra.registry.offers import Offer, Provider
from workers.completion.core.jsontext import JsonObject, read_object
from workers.completion.core.trimming import ChatCounter

SECONDS = 3.0
KNOWN = ("llama.cpp", "vllm")
MOST_BYTES = 64 * 1024 * 1024
"""Of an answer: token ids of a text of some megabytes."""
OF_TEMPLATE = ("messages", "tools")
"""Fields of a chat that its template writes."""
AS_ASKED: JsonObject = {"add_special": True, "parse_special": True}
"""llama.cpp reads a chat's prompt so."""

log = logging.getLogger(__name__)
KeyOf = Callable[[Provider], str | None]


class Uncounted:
    """Nobody counts."""

    async def count(self, text: str) -> int | None:  # noqa: ARG002
        """Nothing is known."""
        return None

    async def count_chat(self, body: JsonObject) -> int | None:  # noqa: ARG002
        """Nothing is known."""
        return None


class HttpCounter:
    """The tokenizer of one offer, for one request."""

    def __init__(self, session: aiohttp.ClientSession, offer: Offer, key: str | None) -> None:
        self._session = session
        self._offer = offer
        self._key = key
        self._is_silent = False

    async def count(self, text: str) -> int | None:
        """The tokens of a text; None from the first failure on."""
        return await self._counted(lambda: self._ask("tokenize", question(self._offer, text)))

    async def count_chat(self, body: JsonObject) -> int | None:
        """The tokens of a chat as its model's template writes it; None from the first failure on."""
        return await self._counted(lambda: self._ask_chat(body))

    async def _counted(self, ask: Callable[[], Awaitable[JsonObject]]) -> int | None:
        if self._is_silent:
            return None
        try:
            return counted(await ask())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._is_silent = True
            about = {"provider": self._offer.provider.name, "error": type(error).__name__}
            log.warning("tokenizer_silent", extra=about)
            return None

    async def _ask_chat(self, body: JsonObject) -> JsonObject:
        chat = {name: body[name] for name in OF_TEMPLATE if name in body}
        if self._offer.provider.tokenizer == "vllm":
            return await self._ask("tokenize", {"model": self._offer.original_id, **chat})
        written = await self._ask("apply-template", chat)
        return await self._ask("tokenize", {"content": prompt_of(written), **AS_ASKED})

    async def _ask(self, route: str, question: JsonObject) -> JsonObject:
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        url = f"{root_of(self._offer.provider.endpoints[0].url)}/{route}"
        async with self._session.post(url, json=question, headers=headers, allow_redirects=False) as answer:
            answer.raise_for_status()
            if (answer.content_length or 0) > MOST_BYTES:
                raise ValueError("too large")
            return read_object(await answer.read())


class Tokenizers:
    """Finds who counts the tokens of a model."""

    def __init__(self, session: aiohttp.ClientSession, key_of: KeyOf) -> None:
        self._session = session
        self._key_of = key_of

    def of(self, offers: Sequence[Offer]) -> ChatCounter:
        """Of the first offer that has a tokenizer to ask."""
        for offer in offers:
            provider = offer.provider
            if provider.tokenizer in KNOWN and provider.is_trusted and provider.endpoints:
                return HttpCounter(self._session, offer, self._key_of(provider))
        return Uncounted()


@asynccontextmanager
async def open_tokenizers(key_of: KeyOf = lambda _: None) -> AsyncIterator[Tokenizers]:
    """Tokenizers, until the block ends."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Tokenizers(session, key_of)


def root_of(url: str) -> str:
    """A provider's address without its `/v1`."""
    return url.partition("?")[0].rstrip("/").removesuffix("/v1")


def question(offer: Offer, text: str) -> JsonObject:
    """What the offer's tokenizer is asked."""
    if offer.provider.tokenizer == "vllm":
        return {"model": offer.original_id, "prompt": text, "add_special_tokens": False}
    return {"content": text}


def prompt_of(answer: JsonObject) -> str:
    """The chat that a template wrote. Raises ValueError where it wrote none."""
    prompt = answer.get("prompt")
    if not isinstance(prompt, str):
        raise ValueError("no prompt")  # noqa: TRY004  what a server says, not what a caller gives
    return prompt


def counted(answer: JsonObject) -> int:
    """The number that a tokenizer told. Raises ValueError where it told none."""
    count, tokens = answer.get("count"), answer.get("tokens")
    if isinstance(count, int):
        return count
    if isinstance(tokens, list):
        return len(tokens)
    raise ValueError("no tokens")
