"""An external issuer's keys: rotated, stormed, broken, away."""

import asyncio
import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc.jwk import OctKey

from contracts.errors import ApiError, ErrorCode
from infra.identity.jwks import STALE_SECONDS, JwksKeys, usable_keys
from infra.settings import OidcSettings
from tests.oidc.server import EC_KEY, KEY, NEXT_KEY

SETTINGS = OidcSettings(issuer="https://id.example")
PAUSE = SETTINGS.key_pause


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Issuer:
    """Its key set, and the time."""

    keys: list[Any] = field(default_factory=lambda: [KEY.public()])
    readings: int = 0
    is_away: bool = False
    now: float = 1_000.0

    async def load(self) -> list[Any]:
        self.readings += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "away")
        return self.keys

    def clock(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def keys(issuer: Issuer) -> JwksKeys:
    return JwksKeys(issuer.load, SETTINGS, clock=issuer.clock)


async def test_key_is_found_by_its_exact_name_alone(keys: JwksKeys) -> None:
    assert await keys.find(KEY.kid) is not None
    assert await keys.find(KEY.kid.lower()) is None
    assert await keys.find(KEY.kid + " ") is None


async def test_storm_of_unknown_keys_costs_one_reading_in_a_pause(issuer: Issuer, keys: JwksKeys) -> None:
    await keys.read()
    issuer.now += PAUSE

    found = await asyncio.gather(*(keys.find(f"unknown-{number}") for number in range(500)))

    assert found == [None] * 500
    assert issuer.readings == 2


async def test_rotated_key_is_found_after_one_more_reading(issuer: Issuer, keys: JwksKeys) -> None:
    await keys.read()
    issuer.keys = [NEXT_KEY.public()]
    assert await keys.find(NEXT_KEY.kid) is None

    issuer.now += PAUSE

    assert await keys.find(NEXT_KEY.kid) is not None
    assert await keys.find(KEY.kid) is None


async def test_known_key_goes_on_for_a_day_while_the_issuer_is_away(issuer: Issuer, keys: JwksKeys) -> None:
    await keys.read()
    issuer.is_away = True

    issuer.now += STALE_SECONDS - 1
    await keys.read()
    assert await keys.find(KEY.kid) is not None

    issuer.now += 2
    with pytest.raises(ApiError) as refusal:
        await keys.find(KEY.kid)
    assert refusal.value.detail.status == 503


async def test_nothing_new_is_let_in_while_the_issuer_is_away(issuer: Issuer, keys: JwksKeys) -> None:
    await keys.read()
    issuer.is_away = True
    issuer.now += PAUSE

    refusals = await asyncio.gather(*(keys.find("new") for _ in range(50)), return_exceptions=True)

    assert [refusal.detail.status for refusal in refusals if isinstance(refusal, ApiError)] == [503] * 50
    assert issuer.readings == 2


async def test_readiness_tells_of_an_issuer_that_is_away(issuer: Issuer, keys: JwksKeys) -> None:
    with pytest.raises(ApiError):
        await keys.check()
    await keys.read()
    await keys.check()

    issuer.is_away = True
    await keys.read()

    with pytest.raises(ApiError):
        await keys.check()


@pytest.mark.parametrize("junk", [[], [7], [{}], [{"kty": "RSA", "kid": "a"}], ["x"] * 1_000])
async def test_junk_leaves_the_good_keys(issuer: Issuer, keys: JwksKeys, junk: list[Any]) -> None:
    await keys.read()
    issuer.keys = junk

    await keys.read()

    assert await keys.find(KEY.kid) is not None


@pytest.mark.parametrize(
    "jwk",
    [
        OctKey.generate_key(256, {"kid": "k"}).as_dict(private=True),
        {"kty": "RSA", "kid": "k", "e": "AQAB", "n": base64url(b"\xc3" + secrets.token_bytes(126) + b"\x01")},
        {**KEY.public(), "use": "enc"},
        {**KEY.public(), "alg": "HS256"},
        {**KEY.public(), "kid": "k" * 129},
        {name: value for name, value in KEY.public().items() if name != "kid"},
    ],
    ids=["symmetric", "short", "for encryption", "of another algorithm", "name too long", "no name"],
)
def test_key_that_must_not_verify_is_left_out(jwk: dict[str, Any]) -> None:
    assert list(usable_keys([jwk, EC_KEY.public()], ("RS256", "ES256", "HS256"))) == [EC_KEY.kid]


def test_key_verifies_what_its_kind_and_the_settings_allow() -> None:
    plain = {name: value for name, value in KEY.public().items() if name not in {"alg", "use"}}

    keys = usable_keys([plain, EC_KEY.public()], ("RS256", "RS512", "ES256"))

    assert keys[KEY.kid].algorithms == {"RS256", "RS512"}
    assert keys[EC_KEY.kid].algorithms == {"ES256"}
