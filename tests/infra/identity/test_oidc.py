"""Access tokens of an external issuer that runs, and what the issuer may do wrong; no database."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from contracts.errors import ApiError
from infra.identity.external import Person, Profile, external_policy
from infra.identity.issuer import Issuer, Subject
from infra.identity.keyring import KeyRing
from infra.identity.keys import SigningKey
from infra.identity.known import Denials
from infra.identity.oidc import MAX_ANSWER, Ask, OidcIssuer, open_oidc
from infra.identity.validator import Validator, embedded_policy
from infra.settings import IdentitySettings, OidcSettings
from tests.infra.identity.forge import forged, hs256
from tests.oidc.server import EC_KEY, KEY, NEXT_KEY, OidcServer, open_oidc_server

OURS = IdentitySettings(issuer="https://jan.example")
Make = Callable[[OidcServer], str]


@dataclass
class People:
    """The database's part: everybody is found."""

    seen: list[Profile] = field(default_factory=list)
    version: int = 1

    async def person(self, profile: Profile) -> Person:
        self.seen.append(profile)
        return Person("01USER", "01TENANT", ("user",), self.version)


@pytest.fixture
async def server() -> AsyncIterator[OidcServer]:
    async with open_oidc_server() as opened:
        yield opened


@pytest.fixture
async def issuer(server: OidcServer) -> AsyncIterator[OidcIssuer]:
    async with open_oidc(OidcSettings(issuer=server.issuer, client_id="jan-browser", timeout=2)) as opened:
        assert opened is not None
        yield opened


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def denials() -> Denials:
    return Denials()


@pytest.fixture
def ring() -> KeyRing:
    async def load() -> list[SigningKey]:
        return [NEXT_KEY]

    return KeyRing(load)


@pytest.fixture
def validator(issuer: OidcIssuer, people: People, denials: Denials, ring: KeyRing) -> Validator:
    external = external_policy(issuer.settings, issuer.keys.find, people.person, OURS.leeway)
    return Validator([embedded_policy(OURS, ring), external], denials)


async def test_token_speaks_for_the_user_with_roles_of_both_sides(
    server: OidcServer, validator: Validator, people: People
) -> None:
    token = server.access_token(sid="s1", jti="j1", realm_access={"roles": ["admin", "uma", 7, None]})

    known = await validator.validate(token.encode())

    assert (known.caller.user_id, known.caller.tenant) == ("01USER", "01TENANT")
    assert known.caller.roles == ("admin", "user")
    assert known.names == {"jti:j1", "sid:s1", "user:01USER@1"}
    assert people.seen == [
        Profile(server.issuer, "ann", "ann", "Ann Example", "ann@example.org", email_verified=True)
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda server: server.access_token(aud="jan"),
        lambda server: server.access_token(header={"typ": "at+jwt"}, typ=None, scope=None),
        lambda server: server.access_token(typ=None),
        lambda server: server.access_token(jti=None, sid=None, nbf=None),
        lambda server: server.access_token(realm_access="admin"),
        lambda server: server.access_token(nonce="as older Keycloaks have it"),
    ],
    ids=["one audience", "at+jwt", "a scope", "without ids", "roles of a wrong shape", "nonce"],
)
async def test_access_token_of_any_usual_form_is_accepted(
    server: OidcServer, validator: Validator, make: Make
) -> None:
    known = await validator.validate(make(server).encode())

    assert known.caller.roles == ("user",)


def _swapped(server: OidcServer) -> str:
    head, _, signature = server.access_token().split(".")
    return f"{head}.{server.access_token(sub='eve').split('.')[1]}.{signature}"


def _hs256(server: OidcServer) -> str:
    claims = json.dumps({"iss": server.issuer, "aud": "jan", "sub": "ann", "typ": "Bearer"}).encode()
    header = {"alg": "HS256", "kid": KEY.kid, "typ": "JWT"}
    return forged(header, claims, hs256(KEY.jwk.as_pem(private=False))).decode()


def _none(server: OidcServer) -> str:
    claims = json.dumps({"iss": server.issuer, "aud": "jan", "sub": "ann", "typ": "Bearer"}).encode()
    return forged({"alg": "none", "kid": KEY.kid, "typ": "JWT"}, claims, lambda _: b"x").decode()


ATTACKS: dict[str, Make] = {
    "alg none": _none,
    "HS256 signed with the public key": _hs256,
    "payload swapped": _swapped,
    "foreign key under a known kid": lambda s: s.access_token(key=NEXT_KEY, header={"kid": KEY.kid}),
    "unknown kid": lambda s: s.access_token(key=NEXT_KEY),
    "kid a path": lambda s: s.access_token(header={"kid": "../../dev/null"}),
    "algorithm that is not the key's": lambda s: s.access_token(key=EC_KEY, header={"kid": KEY.kid}),
    "algorithm that the settings have not": lambda s: s.access_token(header={"alg": "RS512"}),
    "jku": lambda s: s.access_token(header={"jku": "https://evil.example/keys"}),
    "x5u": lambda s: s.access_token(header={"x5u": "https://evil.example/cert"}),
    "jwk embedded": lambda s: s.access_token(key=NEXT_KEY, header={"jwk": NEXT_KEY.public()}),
    "typ of something else": lambda s: s.access_token(header={"typ": "logout+jwt"}),
    "ID token": lambda s: s.access_token(typ="ID"),
    "ID token as others make them": lambda s: s.access_token(typ=None, nonce="n"),
    "no sign of an access token": lambda s: s.access_token(typ=None, scope=None),
    "refresh token": lambda s: s.access_token(typ="Refresh"),
    "offline token": lambda s: s.access_token(typ="Offline"),
    "bound to a key": lambda s: s.access_token(cnf={"jkt": "x"}),
    "expired": lambda s: s.access_token(iat=1_700_000_000, exp=1_700_000_300),
    "exp missing": lambda s: s.access_token(exp=None),
    "exp a text": lambda s: s.access_token(exp="4102444800"),
    "exp true": lambda s: s.access_token(exp=True),
    "life of years": lambda s: s.access_token(exp=4_102_444_800),
    "exp beyond all years": lambda s: s.access_token(exp=10**18),
    "nbf in the future": lambda s: s.access_token(nbf=4_102_444_800),
    "iat in the future": lambda s: s.access_token(iat=4_102_444_800, exp=4_102_445_100),
    "iat missing": lambda s: s.access_token(iat=None),
    "wrong aud": lambda s: s.access_token(aud=["account", "other"]),
    "aud missing": lambda s: s.access_token(aud=None),
    "aud an object": lambda s: s.access_token(aud={"jan": True}),
    "unknown iss": lambda s: s.access_token(iss="https://evil.example"),
    "iss with a slash more": lambda s: s.access_token(iss=s.issuer + "/"),
    "iss a list": lambda s: s.access_token(iss=[s.issuer]),
    "iss missing": lambda s: s.access_token(iss=None),
    "presented as the embedded issuer's": lambda s: s.access_token(iss=OURS.issuer),
    "sub missing": lambda s: s.access_token(sub=None),
    "sub a number": lambda s: s.access_token(sub=7),
    "sub empty": lambda s: s.access_token(sub=""),
    "sub with a NUL": lambda s: s.access_token(sub="ann\x00"),
    "sub huge": lambda s: s.access_token(sub="a" * 257),
    "sid a list": lambda s: s.access_token(sid=["x"]),
    "huge": lambda s: s.access_token(more="x" * 9_000),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_attack_is_refused_before_anybody_is_looked_up(
    server: OidcServer, validator: Validator, people: People, attack: Make
) -> None:
    server.keys = [KEY]

    with pytest.raises(ApiError) as refusal:
        await validator.validate(attack(server).encode())

    assert (refusal.value.detail.code, refusal.value.detail.status) == ("invalid_token", 401)
    assert len(refusal.value.detail.message) < 160
    assert people.seen == []


async def test_token_of_the_embedded_issuer_is_refused_as_the_external_ones(
    server: OidcServer, validator: Validator, ring: KeyRing
) -> None:
    subject = Subject("01EVE", "01EVE", "eve", ("admin",), "01SESSION")
    pretended = IdentitySettings(issuer=server.issuer)

    ours = await Issuer(OURS, ring).issue(subject)
    theirs = await Issuer(pretended, ring).issue(subject)

    assert (await validator.validate(ours.value.encode())).caller.user_id == "01EVE"
    with pytest.raises(ApiError, match="key that is not known"):
        await validator.validate(theirs.value.encode())


async def test_denied_user_version_is_refused_until_the_database_says_another(
    server: OidcServer, validator: Validator, people: People, denials: Denials
) -> None:
    token = server.access_token().encode()
    await validator.validate(token)
    denials.deny("user:01USER@1", 4_102_444_800, 0)
    with pytest.raises(ApiError, match="revoked"):
        await validator.validate(token)

    people.version = 2

    assert (await validator.validate(token)).caller.user_id == "01USER"


async def test_two_issuers_of_one_name_are_refused(issuer: OidcIssuer, people: People, ring: KeyRing) -> None:
    external = external_policy(issuer.settings, issuer.keys.find, people.person, 30)

    with pytest.raises(ValueError, match="same name"):
        Validator([embedded_policy(IdentitySettings(issuer=issuer.issuer), ring), external], Denials())


async def test_good_key_goes_on_while_the_issuer_is_broken(server: OidcServer, validator: Validator) -> None:
    await validator.validate(server.access_token().encode())
    server.status = 500

    await validator.validate(server.access_token().encode())

    with pytest.raises(ApiError) as refusal:
        await validator.validate(server.access_token(key=NEXT_KEY).encode())
    assert refusal.value.detail.status == 401
    assert server.key_readings == 1


async def test_storm_of_unknown_keys_reaches_the_issuer_once(
    server: OidcServer, validator: Validator
) -> None:
    tokens = [server.access_token(header={"kid": f"k{number}"}).encode() for number in range(60)]

    refusals = await asyncio.gather(*map(validator.validate, tokens), return_exceptions=True)

    assert all(isinstance(refusal, ApiError) for refusal in refusals)
    assert server.key_readings <= 1


@pytest.mark.parametrize(
    "misdeed",
    [
        {"discovery": {"issuer": "https://evil.example"}},
        {"discovery": {"jwks_uri": 7}},
        {"discovery": {"jwks_uri": "file:///etc/passwd"}},
        {"key_set": b"{"},
        {"key_set": b"[]"},
        {"key_set": b'{"keys": []}'},
        {"key_set": b"[" * 100_000},
        {"key_set": b" " * (MAX_ANSWER + 1)},
        {"status": 302},
        {"status": 500},
    ],
    ids=[
        "discovery of another issuer",
        "no address of keys",
        "address of a file",
        "no JSON",
        "no key set",
        "empty key set",
        "deep JSON",
        "huge",
        "redirect",
        "broken",
    ],
)
async def test_misdeed_of_the_issuer_lets_nobody_in(
    server: OidcServer, validator: Validator, misdeed: dict[str, Any]
) -> None:
    for name, value in misdeed.items():
        setattr(server, name, value)

    with pytest.raises(ApiError) as refusal:
        await validator.validate(server.access_token().encode())

    assert refusal.value.detail.status == 503


async def test_issuer_that_is_away_blocks_nothing_and_is_told(people: People) -> None:
    async with open_oidc(OidcSettings(issuer="http://127.0.0.1:9", timeout=1)) as issuer:
        assert issuer is not None
        with pytest.raises(ApiError) as login:
            await issuer.login_url(Ask("s", "n", "v"), "https://jan.example/auth/callback")
        with pytest.raises(ApiError) as told:
            await issuer.keys.check()

    assert (login.value.detail.status, told.value.detail.status) == (503, 503)


async def test_without_an_issuer_there_is_none() -> None:
    async with open_oidc(OidcSettings()) as issuer:
        assert issuer is None
