"""Credentials in headers: what speaks for a caller, and what never does."""

import pytest

from api_edge.auth.bearer import Headers
from api_edge.auth.parts import IdentityParts
from contracts.envelope import Caller
from contracts.errors import ApiError

pytestmark = pytest.mark.stack


async def caller_of(headers: Headers, identity: IdentityParts) -> Caller:
    return (await identity.credentials.authenticate(headers)).caller


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_token_of_a_guest_speaks_for_that_guest(identity: IdentityParts, scheme: str) -> None:
    guest = await identity.accounts.guest_login()

    caller = await caller_of([(b"authorization", f"{scheme} {guest.access_token}".encode())], identity)

    assert (caller.user_id, caller.tenant, caller.roles) == (guest.user_id, guest.user_id, ("guest",))


async def test_identity_headers_from_outside_change_nothing(identity: IdentityParts) -> None:
    guest = await identity.accounts.guest_login()
    headers = [
        (b"x-user-id", b"admin"),
        (b"x-principal-id", b"admin"),
        (b"x-consumer-username", b"admin"),
        (b"x-auth-method", b"api_key"),
        (b"authorization", f"Bearer {guest.access_token}".encode()),
    ]

    caller = await caller_of(headers, identity)

    assert caller.user_id == guest.user_id


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-user-id", b"admin")],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", b"Basic YTpi")],
    ],
    ids=["none", "an identity header", "empty", "scheme alone", "scheme and space", "basic"],
)
async def test_request_without_a_bearer_token_misses_credentials(
    identity: IdentityParts, headers: list[tuple[bytes, bytes]]
) -> None:
    with pytest.raises(ApiError) as refusal:
        await caller_of(headers, identity)

    assert (refusal.value.detail.code, refusal.value.detail.status) == ("missing_credentials", 401)


async def test_two_authorization_headers_are_refused_though_one_is_good(identity: IdentityParts) -> None:
    guest = await identity.accounts.guest_login()
    good = (b"authorization", f"Bearer {guest.access_token}".encode())

    with pytest.raises(ApiError) as refusal:
        await caller_of([good, good], identity)

    assert refusal.value.detail.code == "ambiguous_credentials"


async def test_refresh_token_is_no_access_token(identity: IdentityParts) -> None:
    guest = await identity.accounts.guest_login()

    with pytest.raises(ApiError, match="not a signed JSON Web Token"):
        await caller_of([(b"authorization", f"Bearer {guest.refresh_token}".encode())], identity)
