"""Going on with a half-told answer on a real model server.

What llama.cpp does, and what is relied on: a last message of the assistant stays open (no end of turn, no new
one), the stream brings the new text alone behind an empty role chunk, no field but the message is needed, and
with temperature 0 the text is what it would have been.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.events import Ending
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from workers.completion.core import Continue, Stream, gone_on, upstream_body, wants_usage
from workers.completion.provider import HttpProvider, open_provider

pytestmark = pytest.mark.stack
LIMIT = 60.0
BODY = {
    "messages": [{"role": "user", "content": "Count from one to twenty in words."}],
    "max_tokens": 24,
    "temperature": 0,
    "stream": True,
    "stream_options": {"include_usage": True},
}
Json = dict[str, Any]  # OpenAI's wire, open by nature


@pytest.fixture
async def real(model: ProviderSettings) -> AsyncIterator[HttpProvider]:
    """A client of the small language model."""
    async with open_provider(model) as client:
        yield client


async def told(
    provider: HttpProvider, model: ProviderSettings, rest: Continue, first_seq: int = 0
) -> tuple[list[bytes], Ending]:
    """The chunks of an answer, and its end."""
    stream = Stream(
        "chatcmpl-1", "default", wants_usage=wants_usage(rest.body), first_seq=first_seq, shown=rest.shown
    )
    body = upstream_body(rest.body, model=model.models[0])
    until = asyncio.get_running_loop().time() + LIMIT
    async with provider.stream(Endpoint.CHAT, body, deadline=until) as batches:
        outs = [stream.feed(payload) async for batch in batches for payload in batch]
    return [out for out in outs if out is not None], stream.close()


def text_of(chunks: list[bytes]) -> str:
    choices = [choice for out in chunks for choice in json.loads(out)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("cut", [2, 5, 9, 20])
async def test_a_cut_answer_goes_on_as_the_uncut_one_does(
    real: HttpProvider, model: ProviderSettings, *, cut: int
) -> None:
    whole, uncut = await told(real, model, Continue(BODY))
    rest = gone_on(whole[:cut], BODY, "llama.cpp")
    assert isinstance(rest, Continue)

    tail, ending = await told(real, model, rest, first_seq=cut)

    assert text_of(whole[:cut]) + text_of(tail) == text_of(whole)
    assert ending.finish_reason == uncut.finish_reason
    numbers = [json.loads(out)["x_seq"] for out in tail]
    assert numbers == list(range(cut, cut + len(tail)))
    assert not any(choice["delta"].get("role") for out in tail for choice in json.loads(out)["choices"])
    assert uncut.usage is not None
    assert ending.usage is not None
    assert ending.usage.estimated
    assert ending.usage.input_tokens == uncut.usage.input_tokens
    assert ending.usage.output_tokens == uncut.usage.output_tokens


async def test_an_answer_of_which_only_the_finish_is_missing_gets_it(
    real: HttpProvider, model: ProviderSettings
) -> None:
    body = BODY | {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 100}
    whole, uncut = await told(real, model, Continue(body))
    rest = gone_on(whole[:-2], body, "llama.cpp")
    assert isinstance(rest, Continue)

    tail, ending = await told(real, model, rest, first_seq=len(whole) - 2)

    assert uncut.finish_reason == ending.finish_reason == "stop"
    assert text_of(tail) == ""
    assert len(tail) == len([b"finish", b"usage"])
