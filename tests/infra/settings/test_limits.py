"""What may be asked for, as the environment says it."""

import pytest
from pydantic import ValidationError

from infra.settings import COSTS, TIERS, TOKEN_TIERS, LimitSettings


def test_tiers_that_are_not_named_keep_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAN_LIMITS_TIERS", "free=5")
    monkeypatch.setenv("JAN_LIMITS_TOKEN_TIERS", "pro=7, free=8")
    monkeypatch.setenv("JAN_LIMITS_COSTS", "reads=2")

    settings = LimitSettings()

    assert settings.tiers == {**TIERS, "free": 5}
    assert settings.token_tiers == {**TOKEN_TIERS, "pro": 7, "free": 8}
    assert settings.costs == {**COSTS, "reads": 2}


def test_a_tier_of_ones_own_may_be_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAN_LIMITS_TIERS", "school=30")
    monkeypatch.setenv("JAN_LIMITS_TOKEN_TIERS", "school=30000")
    monkeypatch.setenv("JAN_LIMITS_DEFAULT_TIER", "school")

    settings = LimitSettings()

    assert settings.tiers[settings.default_tier] == 30


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JAN_LIMITS_DEFAULT_TIER", "gold"),
        ("JAN_LIMITS_TIERS", "school=30"),
        ("JAN_LIMITS_TOKEN_TIERS", "school=30"),
        ("JAN_LIMITS_TIERS", "free"),
        ("JAN_LIMITS_TIERS", "free=many"),
        ("JAN_LIMITS_TIERS", "free=-1"),
        ("JAN_LIMITS_COSTS", "lunches=3"),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        LimitSettings()
