"""What a process tells Prometheus."""

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.product import Product


class Exposed:
    """One look at a process's metrics."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.names = {family.name for family in families}
        """Of the families; a counter's without `_total`."""
        self._samples = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels; 0 when there is none."""
        wanted = labels.items()
        return sum(one.value for one in self._samples if one.name == name and wanted <= one.labels.items())


async def edge_metrics(product: Product) -> Exposed:
    """Those of the first edge."""
    return await _exposed(product.url)


async def worker_metrics(product: Product) -> Exposed:
    """Those of the worker that was started last."""
    return await _exposed(product.workers[-1].server.address)


async def _exposed(url: str) -> Exposed:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        assert answer.status == 200
        return Exposed(await answer.text())
