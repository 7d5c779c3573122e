"""The provider's models, asked for anew: while no test runs the provider it is asked in vain, more and more
seldom."""

from tests.acceptance.people import admin
from tests.acceptance.waiting import until
from tests.product import Product

PROVIDERS = "/v1/admin/providers"


async def models_told(product: Product) -> list[str]:
    """The ids of the models on offer, now that the provider answers."""
    boss = await admin(product)
    async with boss.client() as session:

        async def names() -> list[str]:
            async with session.get("/v1/models") as answer:
                return [model["id"] for model in (await answer.json())["data"]]

        async def are_there() -> bool:
            return bool(await names())

        if not await names():
            async with session.get(PROVIDERS) as answer:
                providers = (await answer.json())["data"]
            for provider in providers:
                async with session.post(f"{PROVIDERS}/{provider['id']}/sync") as answer:
                    assert answer.status < 300, await answer.text()
        await until(are_there)
        return await names()
