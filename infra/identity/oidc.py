"""An external OpenID Connect issuer, over HTTP: its discovery document, its keys, and codes for tokens.

All that it says is bounded in size and time, and no redirect is followed.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from pydantic import ConfigDict, Field, ValidationError

from contracts.base import Message
from contracts.errors import ApiError, ErrorCode
from infra.identity.jwks import JwksKeys
from infra.settings import KIB, OidcSettings

DISCOVERY_PATH = "/.well-known/openid-configuration"
MAX_ANSWER = 256 * KIB
"""Bytes of one of its answers."""
FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


class Metadata(Message):
    """What is used of a discovery document (OpenID Connect Discovery 1.0, section 3)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: str = Field(pattern=r"^https?://[!-~]+$")
    token_endpoint: str = Field(pattern=r"^https?://[!-~]+$")
    jwks_uri: str = Field(pattern=r"^https?://[!-~]+$")
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    """RFC 9207: whether every answer to a login names the issuer."""


class Tokens(Message):
    """What a code was exchanged for. The issuer's refresh token isn't kept: the session is ours."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    id_token: str = Field(repr=False)
    access_token: str = Field(repr=False)


@dataclass(frozen=True)
class Ask:
    """One login's secrets, made at its begin and looked at again at its end."""

    state: str
    nonce: str
    verifier: str = field(repr=False)
    """PKCE's (RFC 7636)."""


class OidcIssuer:
    """The issuer of the settings. Opened by `open_oidc`."""

    def __init__(self, settings: OidcSettings, http: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.issuer = settings.issuer or ""
        self.keys = JwksKeys(self._read_keys, settings)
        self._http = http
        self._metadata: Metadata | None = None

    async def metadata(self) -> Metadata:
        """Its discovery document, as last read with the keys. Raises ApiError when there is none."""
        return self._metadata or await self._read_metadata()

    async def login_url(self, ask: Ask, redirect_uri: str) -> str:
        """Where a browser goes to log in. Raises ApiError when the issuer does not answer."""
        url: str = prepare_grant_uri(
            (await self.metadata()).authorization_endpoint,
            client_id=self.settings.client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=list(self.settings.scopes),
            state=ask.state,
            nonce=ask.nonce,
            code_challenge=create_s256_code_challenge(ask.verifier),
            code_challenge_method="S256",
        )
        return url

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The tokens for a code. Raises ApiError: login_failed where it is refused, 503 without an answer."""
        metadata = await self.metadata()
        form = prepare_token_request(
            "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=verifier
        )
        url, headers, body = self._auth(metadata).prepare("POST", metadata.token_endpoint, dict(FORM), form)
        status, answer = await self._ask("POST", url, headers, body)
        if status >= 500:  # noqa: PLR2004  the family
            raise _down("The login issuer failed")
        if status != 200:  # noqa: PLR2004  RFC 6749, 5.1
            raise ApiError(ErrorCode.LOGIN_FAILED, "The login issuer refused the code; log in again")
        try:
            return Tokens.model_validate(answer)
        except ValidationError as error:
            raise _down("The login issuer answered without the tokens that were asked for") from error

    def _auth(self, metadata: Metadata) -> ClientAuth:
        secret = self.settings.client_secret
        if secret is None:
            return ClientAuth(self.settings.client_id, None, "none")
        offered = metadata.token_endpoint_auth_methods_supported
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        return ClientAuth(self.settings.client_id, secret.get_secret_value(), method)

    async def _read_metadata(self) -> Metadata:
        url = self.settings.discovery_url or self.issuer.rstrip("/") + DISCOVERY_PATH
        try:
            found = Metadata.model_validate(await self._document(url))
        except ValidationError as error:
            raise _down("The login issuer's discovery document lacks what is needed") from error
        if found.issuer != self.issuer:
            raise _down("The login issuer's discovery document is that of another issuer")
        self._metadata = found
        return found

    async def _read_keys(self) -> list[Any]:  # any JSON
        key_set = await self._document((await self._read_metadata()).jwks_uri)
        keys = key_set.get("keys") if isinstance(key_set, dict) else None
        if not isinstance(keys, list):
            raise _down("The login issuer's key set is none")
        return keys

    async def _document(self, url: str) -> Any:  # any JSON
        status, document = await self._ask("GET", url, {"Accept": "application/json"}, None)
        if status != 200:  # noqa: PLR2004  nothing else is a document
            raise _down("The login issuer does not give its documents")
        return document

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: str | None) -> tuple[int, Any]:
        try:
            async with self._http.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                return answer.status, json.loads(await _bounded(answer))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _down("The login issuer does not answer") from error
        except (ValueError, RecursionError) as error:
            raise _down("The login issuer's answer is no JSON") from error


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER:
            raise _down("The login issuer's answer is too large")
    return bytes(body)


def _down(reason: str) -> ApiError:
    return ApiError(ErrorCode.DEPENDENCY_DOWN, reason)


@asynccontextmanager
async def open_oidc(settings: OidcSettings) -> AsyncIterator[OidcIssuer | None]:
    """The external issuer, whose keys are read now and again; None where the settings name none.

    It may be away: then its tokens are refused, and everything else goes on.
    """
    if not settings.issuer:
        yield None
        return
    timeout = aiohttp.ClientTimeout(total=settings.timeout)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as http:
        issuer = OidcIssuer(settings, http)
        keeping = asyncio.create_task(issuer.keys.keep_fresh())
        try:
            yield issuer
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
