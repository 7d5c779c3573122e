"""Bearer validation against the attacks of RFC 8725 and of the security notes."""

from dataclasses import dataclass

import pytest

from contracts.envelope import AuthMethod, Caller
from contracts.errors import ApiError
from infra.identity.issuer import Issuer, Subject
from infra.identity.keyring import KeyRing
from infra.identity.keys import SigningKey
from infra.identity.known import Denials
from infra.identity.validator import Validator, embedded_policy
from tests.infra.identity.forge import ATTACKS, EC_KEY, GOOD, KEY, NOW, SETTINGS, signed

SUBJECT = Subject("01USER", "01TENANT", "guest-1", ("guest",), "01SESSION")


@dataclass
class Clock:
    """Time that moves when it is told to."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(clock: Clock) -> KeyRing:
    async def load() -> list[SigningKey]:
        return [KEY, EC_KEY]

    return KeyRing(load, clock=clock)


@pytest.fixture
def denials() -> Denials:
    return Denials()


@pytest.fixture
def validator(keys: KeyRing, denials: Denials, clock: Clock) -> Validator:
    return Validator([embedded_policy(SETTINGS, keys)], denials, clock=clock)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_attack_is_refused_as_an_invalid_token(validator: Validator, attack: bytes) -> None:
    with pytest.raises(ApiError) as refusal:
        await validator.validate(attack)

    assert (refusal.value.detail.code, refusal.value.detail.status) == ("invalid_token", 401)
    assert len(refusal.value.detail.message) < 160


@pytest.mark.parametrize(
    "token",
    [
        GOOD,
        signed(aud=["account", "jan"]),
        signed(unknown={"kept": "ignored"}),
        signed(iat=NOW + 29, nbf=NOW + 29, exp=NOW + 329),
        signed(iat=NOW - 320, nbf=NOW - 320, exp=NOW - 29),
    ],
    ids=["as issued", "one of several audiences", "a claim more", "clock ahead", "clock behind"],
)
async def test_good_token_gives_its_caller(validator: Validator, token: bytes) -> None:
    known = await validator.validate(token)

    assert known.caller == Caller(
        user_id="01USER", tenant="01TENANT", roles=("guest",), auth_method=AuthMethod.JWT, key_id=None
    )


@pytest.mark.parametrize("key", [KEY, EC_KEY], ids=["RS256", "ES256"])
async def test_issued_token_is_accepted_whatever_its_algorithm(key: SigningKey, clock: Clock) -> None:
    async def load() -> list[SigningKey]:
        return [key]

    ring = KeyRing(load, clock=clock)
    token = await Issuer(SETTINGS, ring, clock=clock).issue(SUBJECT)

    caller = (
        await Validator([embedded_policy(SETTINGS, ring)], Denials(), clock=clock).validate(
            token.value.encode()
        )
    ).caller

    assert (caller.user_id, caller.tenant, caller.roles) == ("01USER", "01TENANT", ("guest",))


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (ATTACKS["expired"], "has expired"),
        (ATTACKS["wrong aud"], "aud"),
        (ATTACKS["wrong iss"], "iss"),
        (ATTACKS["unknown kid"], "key that is not known"),
        (ATTACKS["payload swapped"], "signature does not match"),
        (ATTACKS["jku"], "header must hold"),
        (ATTACKS["five parts (JWE)"], "not a signed JSON Web Token"),
        (ATTACKS["1 MiB"], "too large"),
        (ATTACKS["roles a string"], "roles"),
        (ATTACKS["exp in the year 31 billion"], "lifetime"),
    ],
)
async def test_refusal_tells_the_true_reason(validator: Validator, token: bytes, reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        await validator.validate(token)


async def test_known_token_is_refused_once_it_has_expired(validator: Validator, clock: Clock) -> None:
    await validator.validate(GOOD)

    clock.now = NOW + 300 + SETTINGS.leeway

    with pytest.raises(ApiError, match="has expired"):
        await validator.validate(GOOD)


async def test_known_token_is_not_verified_again(validator: Validator) -> None:
    first = await validator.validate(GOOD)

    second = await validator.validate(GOOD)

    assert second is first


@pytest.mark.parametrize("name", ["jti:01TOKEN", "sid:01SESSION", "user:01USER@1"])
@pytest.mark.parametrize("was_known", [True, False])
async def test_denied_token_is_refused_whether_it_was_known_or_not(
    validator: Validator, denials: Denials, name: str, *, was_known: bool
) -> None:
    if was_known:
        await validator.validate(GOOD)

    denials.deny(name, NOW + 100, NOW)

    with pytest.raises(ApiError, match="has been revoked"):
        await validator.validate(GOOD)


async def test_denial_of_one_session_leaves_the_others(validator: Validator, denials: Denials) -> None:
    other = signed(sid="01OTHER", jti="01OTHERTOKEN")
    await validator.validate(other)

    denials.deny("sid:01SESSION", NOW + 100, NOW)

    assert (await validator.validate(other)).caller.user_id == "01USER"
