"""What tokens cost, by model."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

ANY_MODEL = "*"
MILLION = 1_000_000

Cost = Callable[[str, int, int], int]
"""What so many tokens of prompt and of answer of a model cost, in millionths of a US dollar."""


class Prices:
    """US dollars for a million tokens of prompt and of answer, as `{"gpt-x": "1.5/6", "*": "0.5/2"}`."""

    def __init__(self, prices: Mapping[str, str]) -> None:
        """Raises ValueError for what is no pair of prices."""
        self._prices = {model: _pair(model, text) for model, text in prices.items()}
        self._any = self._prices.get(ANY_MODEL, (0, 0))

    def cost(self, model: str | None, input_tokens: int, output_tokens: int) -> int:
        """In millionths of a US dollar, rounded up. A model without a price, where there is none for any,
        costs nothing."""
        of_input, of_output = self._prices.get(model or ANY_MODEL, self._any)
        return -(-(input_tokens * of_input + output_tokens * of_output) // MILLION)


def _pair(model: str, text: str) -> tuple[int, int]:
    """Both prices of one token, in millionths of a millionth of a dollar."""
    try:
        of_input, of_output = (int(Decimal(price) * MILLION) for price in text.split("/"))
    except (ValueError, InvalidOperation, OverflowError) as error:
        message = f"the price of {model} must be two numbers, as 1.5/6"
        raise ValueError(message) from error
    if of_input < 0 or of_output < 0:
        message = f"the price of {model} is below 0"
        raise ValueError(message)
    return of_input, of_output
