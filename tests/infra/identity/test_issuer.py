"""What the embedded issuer signs and publishes, read as another party would."""

from datetime import UTC, datetime

import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet

from infra.identity.issuer import Issuer, Subject
from infra.identity.keyring import KeyRing
from infra.identity.keys import Algorithm, SigningKey, new_signing_key
from infra.settings import IdentitySettings

SETTINGS = IdentitySettings(issuer="https://jan.example", access_ttl=300)
SUBJECT = Subject("01USER", "01TENANT", "guest-1", ("guest",), "01SESSION")
KEYS = [
    new_signing_key(datetime(2026, 1, 2, tzinfo=UTC)),
    new_signing_key(datetime(2026, 1, 1, tzinfo=UTC), Algorithm.ES256),
]


@pytest.fixture
def issuer() -> Issuer:
    async def load() -> list[SigningKey]:
        return KEYS

    return Issuer(SETTINGS, KeyRing(load), clock=lambda: 1_800_000_000.9)


async def test_token_verifies_with_the_published_keys_alone(issuer: Issuer) -> None:
    token = await issuer.issue(SUBJECT)
    published = KeySet.import_key_set((await issuer.key_set()).model_dump())  # type: ignore[arg-type]

    read = jwt.decode(token.value, published, algorithms=["RS256"])

    assert read.header == {"alg": "RS256", "kid": KEYS[0].kid, "typ": "at+jwt"}
    assert read.claims | {"jti": ""} == {
        "iss": "https://jan.example",
        "aud": "jan",
        "client_id": "jan",
        "sub": "01USER",
        "sid": "01SESSION",
        "jti": "",
        "iat": 1_800_000_000,
        "nbf": 1_800_000_000,
        "exp": 1_800_000_300,
        "tenant": "01TENANT",
        "username": "guest-1",
        "roles": ["guest"],
        "ver": 1,
    }
    assert token.expires_in == 300


async def test_two_tokens_of_one_session_have_names_of_their_own(issuer: Issuer) -> None:
    assert (await issuer.issue(SUBJECT)).value != (await issuer.issue(SUBJECT)).value


async def test_token_stays_out_of_its_repr(issuer: Issuer) -> None:
    token = await issuer.issue(SUBJECT)

    assert token.value not in repr(token)


async def test_published_keys_hold_no_private_half(issuer: Issuer) -> None:
    published = await issuer.key_set()

    assert [key["kid"] for key in published.keys] == [key.kid for key in KEYS]
    assert not any({"d", "p", "q", "k"} & key.keys() for key in published.keys)


async def test_discovery_document_names_issuer_keys_and_algorithms(issuer: Issuer) -> None:
    document = OpenIDProviderMetadata((await issuer.discovery()).model_dump())

    for field in ("issuer", "jwks_uri", "response_types_supported", "subject_types_supported"):
        getattr(document, f"validate_{field}")()
    document.validate_id_token_signing_alg_values_supported()
    assert document["jwks_uri"] == "https://jan.example/.well-known/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]
