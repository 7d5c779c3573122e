"""Credentials in headers: what speaks for a caller, and what never does."""

import pytest

from api_edge.auth.accounts import Accounts
from api_edge.auth.bearer import authenticate
from contracts.errors import ApiError

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_token_of_a_guest_speaks_for_that_guest(accounts: Accounts, scheme: str) -> None:
    guest = await accounts.guest_login()

    caller = await authenticate([(b"authorization", f"{scheme} {guest.access_token}".encode())], accounts)

    assert (caller.user_id, caller.tenant, caller.roles) == (guest.user_id, guest.user_id, ("guest",))


async def test_identity_headers_from_outside_change_nothing(accounts: Accounts) -> None:
    guest = await accounts.guest_login()
    headers = [
        (b"x-user-id", b"admin"),
        (b"x-principal-id", b"admin"),
        (b"x-consumer-username", b"admin"),
        (b"x-auth-method", b"api_key"),
        (b"authorization", f"Bearer {guest.access_token}".encode()),
    ]

    caller = await authenticate(headers, accounts)

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
    accounts: Accounts, headers: list[tuple[bytes, bytes]]
) -> None:
    with pytest.raises(ApiError) as refusal:
        await authenticate(headers, accounts)

    assert (refusal.value.detail.code, refusal.value.detail.status) == ("missing_credentials", 401)


async def test_two_authorization_headers_are_refused_though_one_is_good(accounts: Accounts) -> None:
    guest = await accounts.guest_login()
    good = (b"authorization", f"Bearer {guest.access_token}".encode())

    with pytest.raises(ApiError) as refusal:
        await authenticate([good, good], accounts)

    assert refusal.value.detail.code == "invalid_token"


async def test_refresh_token_is_no_access_token(accounts: Accounts) -> None:
    guest = await accounts.guest_login()

    with pytest.raises(ApiError, match="not a signed JSON Web Token"):
        await authenticate([(b"authorization", f"Bearer {guest.refresh_token}".encode())], accounts)
