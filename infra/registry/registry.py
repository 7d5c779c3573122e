"""Which offers a model's name means.

openai/gpt-4o   a catalog's id           every provider of the model, one of that name first
local/gpt-4o    a provider's name first  that provider's alone
gpt-4o          a provider's own name    every provider of the model that the cheapest such offer is of
4o              the last part of one     the same
new/gpt-4o      a provider's name first  that provider's, even where it never told what it has

Where nobody ever told, every provider may have any model.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from infra.registry.offers import Offer, Provider

Offers = tuple[Offer, ...]


class Registry:
    """All offers at one moment, by every name that means them, the cheapest first."""

    def __init__(self, offers: Sequence[Offer] = (), providers: Sequence[Provider] = ()) -> None:
        self.offers = tuple(sorted(offers, key=lambda offer: (offer.original_id, offer.rank)))
        self.providers = tuple(providers)
        self._of_catalog = _grouped((offer.catalog_id, offer) for offer in offers)
        self._of_provider = _grouped(
            (f"{offer.provider.name}/{name}", offer)
            for offer in offers
            for name in {offer.original_id, offer.slug}
        )
        self._of_original = _grouped((offer.original_id, offer) for offer in offers)
        self._of_slug = _grouped((offer.slug, offer) for offer in offers)
        self._unlisted = [provider for provider in providers if not provider.is_listed]

    @property
    def is_empty(self) -> bool:
        """Whether no provider is known."""
        return not self.providers

    def knows(self, name: str) -> bool:
        """Whether a model can be asked for by this name."""
        return bool(self.resolve(name))

    def resolve(self, name: str) -> Offers:
        """Whom to ask for it, in this order; nobody when the name means nothing."""
        of_catalog = self._of_catalog.get(name)
        if of_catalog is not None:
            first = name.partition("/")[0]
            return tuple(sorted(of_catalog, key=lambda offer: (offer.provider.name != first, offer.rank)))
        pinned = self._of_provider.get(name)
        if pinned is not None:
            return pinned
        found = self._of_original.get(name) or self._of_slug.get(name)
        if found is not None:
            return self._of_catalog[found[0].catalog_id]
        return tuple(
            _unlisted(provider, name)
            for provider in self._unlisted
            if not self.offers or name.startswith(f"{provider.name}/")
        )

    def known(self, name: str) -> Offers:
        """The same, without those who never told what they have."""
        return tuple(offer for offer in self.resolve(name) if offer.provider.is_listed)


def _grouped(named: Iterable[tuple[str, Offer]]) -> dict[str, Offers]:
    groups: dict[str, list[Offer]] = defaultdict(list)
    for name, offer in named:
        groups[name].append(offer)
    return {name: tuple(sorted(offers, key=lambda offer: offer.rank)) for name, offers in groups.items()}


def _unlisted(provider: Provider, name: str) -> Offer:
    """A model at a provider whose models are not known: it may have it."""
    original = name.removeprefix(f"{provider.name}/")
    return Offer(provider, original, catalog_id=original)
