"""Amounts of budgets, as they are written and as they are counted."""

import pytest
from pydantic import ValidationError

from api_edge.admin.users_budgets import counted
from contracts.errors import ApiError
from contracts.wire.admin_users import BudgetAsk, BudgetUnit
from infra.store.budgets import MOST


@pytest.mark.parametrize(
    ("unit", "written", "meant"),
    [
        (BudgetUnit.TOKENS, "0", 0),
        (BudgetUnit.TOKENS, "7", 7),
        (BudgetUnit.TOKENS, "7.0", 7),
        (BudgetUnit.TOKENS, str(MOST), MOST),
        (BudgetUnit.MICRO_USD, "12500000", 12_500_000),
        (BudgetUnit.USD, "12.5", 12_500_000),
        (BudgetUnit.USD, "0.1", 100_000),
        (BudgetUnit.USD, "0.000001", 1),
        (BudgetUnit.USD, "1e3", 1_000_000_000),
        (BudgetUnit.USD, "0.29", 290_000),
    ],
)
def test_amounts_are_counted_exactly(unit: BudgetUnit, written: str, meant: int) -> None:
    ask = BudgetAsk.model_validate_json(f'{{"unit": "{unit}", "period": "day", "amount": {written}}}')

    assert counted(ask.unit, ask.amount) == meant


@pytest.mark.parametrize(
    ("unit", "amount"),
    [
        (BudgetUnit.TOKENS, 0.5),
        (BudgetUnit.TOKENS, MOST + 1),
        (BudgetUnit.TOKENS, 1e300),
        (BudgetUnit.USD, 0.0000001),
        (BudgetUnit.USD, MOST),
    ],
)
def test_what_cannot_be_counted_is_refused(unit: BudgetUnit, amount: float) -> None:
    with pytest.raises(ApiError) as raised:
        counted(unit, amount)

    assert raised.value.detail.param == "amount"


@pytest.mark.parametrize("amount", ["-1", "true", '"7"', "null", "NaN", "Infinity", "-0.1"])
def test_what_is_no_number_of_tokens_is_no_amount(amount: str) -> None:
    with pytest.raises(ValidationError):
        BudgetAsk.model_validate_json(f'{{"unit": "tokens", "period": "day", "amount": {amount}}}')
