"""Providers that a worker knows."""

from dataclasses import dataclass, field, replace

from infra.registry.offers import Endpoint, Offer, Price, Provider
from infra.registry.registry import Registry
from infra.sealing import Sealer
from infra.settings import ProviderSettings, SealSettings
from workers.completion.routing.directory import Directory, OfferedCandidate

SEALER = Sealer(SealSettings())
SETTINGS = ProviderSettings(breaker_failures=2, breaker_pause=30.0, models=())


@dataclass
class FixedRegistry:
    """A registry that a test changes."""

    current: Registry = field(default_factory=Registry)
    next: Registry | None = None
    """What looking again finds."""
    looked: int = 0

    async def fresh(self) -> Registry:
        self.looked += 1
        if self.next is not None:
            self.current = self.next
        return self.current


def provider(name: str, *urls: str, **changes: object) -> Provider:
    """A provider at these addresses, trusted to stand anywhere."""
    endpoints = tuple(Endpoint(url) for url in urls or (f"http://{name}.test/v1",))
    made = Provider(f"prov_{name}", name, endpoints=endpoints, is_trusted=True)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields, by name


def registry(*providers: Provider) -> Registry:
    """Each offers the model `m`, at a price that rises in this order."""
    offers = [
        Offer(one, f"{one.name}-m", "jan/m", price=Price(at * 1_000_000, at * 1_000_000))
        for at, one in enumerate(providers, start=1)
    ]
    return Registry(offers, providers)


def named(candidates: list[OfferedCandidate]) -> list[tuple[str, str]]:
    """Whom these ask, and where."""
    return [(one.provider, one.contact.endpoint.url) for one in candidates]


def directory(*providers: Provider, settings: ProviderSettings = SETTINGS) -> Directory:
    """All of these, of whose endpoints none is preferred by chance."""
    known = FixedRegistry(registry(*providers))
    return Directory(known, settings, SEALER, chance=lambda: 0.5)
