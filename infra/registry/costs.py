"""What a call is taken to cost until it is known who answered it, and how much was used."""

from collections.abc import Callable
from typing import Protocol

from contracts.events import Usage
from infra.registry.registry import Registry

Cost = Callable[[str, int, int], int]
"""What so many tokens of prompt and of answer of a model cost, in millionths of a US dollar."""


class Known(Protocol):
    """The registry as this process knows it."""

    @property
    def current(self) -> Registry:
        """Now."""


class ExpectedCosts:
    """Costs of the offer that is asked first; `otherwise`, where it tells no price."""

    def __init__(self, known: Known, otherwise: Cost) -> None:
        self._known = known
        self._otherwise = otherwise

    def of(self, model: str, input_tokens: int, output_tokens: int) -> int:
        """Of so many tokens of prompt and of answer, in millionths of a US dollar."""
        price = next((offer.price for offer in self._known.current.resolve(model)), None)
        if price is None:
            return self._otherwise(model, input_tokens, output_tokens)
        return price.cost(Usage(input_tokens=input_tokens, output_tokens=output_tokens))
