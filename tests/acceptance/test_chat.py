"""A chat completion, the whole way."""

import aiohttp

from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream


async def test_a_stream(product: Product, upstream: Upstream) -> None:
    upstream.always(Script(tokens=5))
    token = await product.token()

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        body = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        async with session.post(f"{product.url}/v1/chat/completions", json=body) as answer:
            print(answer.status, answer.headers)
            print((await answer.read()).decode())
        body["stream"] = False
        async with session.post(f"{product.url}/v1/chat/completions", json=body) as answer:
            print(answer.status, answer.headers)
            print((await answer.read()).decode())
        for path in ("/v1/models", "/readyz", "/nope", "/v1/chat/completions"):
            async with session.get(f"{product.url}{path}") as answer:
                print(path, answer.status, (await answer.read()).decode())
