"""Login by an authorization code with PKCE (RFC 7636, OpenID Connect Core section 3.1).

What a login must remember travels in the browser's own cookie, sealed: any edge can end a login that another
began, and a code that was begun in another browser ends in no session.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, urlencode, urlsplit

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import ConfigDict, ValidationError

from contracts.base import Message
from contracts.errors import ApiError, ErrorCode
from contracts.wire.login import LoggedIn, LoginBegun
from infra.identity.external import checked_id_token
from infra.identity.oidc import Ask, OidcIssuer
from infra.settings import IdentitySettings
from infra.store.external_users import ExternalUsers
from infra.store.users import User

CALLBACK = "/auth/callback"
LOGIN_SECONDS = 600
"""For so long a begun login can be ended."""
SECRET_BYTES = 32
MAX_COOKIE = 6_144
MAX_URL = 2_048
MAX_CODE = 2_048
SEAL = {"alg": "dir", "enc": "A256GCM"}
DEFAULT_PORTS = {"http": 80, "https": 443}


class Sessions(Protocol):
    """Opens the product's own sessions."""

    async def open_session(self, user: User) -> LoggedIn: ...


class Begun(Message):
    """A login on its way, as the cookie holds it."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    state: str
    nonce: str
    verifier: str
    redirect_url: str | None
    guest_id: str | None
    until: float
    """Unix seconds."""


@dataclass(frozen=True)
class Ended:
    """A login that succeeded."""

    session: LoggedIn
    redirect_url: str | None

    def location(self) -> str | None:
        """Where the browser goes, with the tokens in the fragment, which no server gets to see."""
        if self.redirect_url is None:
            return None
        url, _, fragment = self.redirect_url.partition("#")
        tokens = urlencode(self.session.model_dump())
        return f"{url}#{fragment}&{tokens}" if fragment else f"{url}#{tokens}"


class Login:
    """Logs users of the external issuer in."""

    def __init__(
        self,
        settings: IdentitySettings,
        issuer: OidcIssuer,
        users: ExternalUsers,
        sessions: Sessions,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._users = users
        self._sessions = sessions
        self._clock = clock
        self._callback = settings.issuer.rstrip("/") + CALLBACK
        key = hmac.digest(settings.secret.get_secret_value().encode(), b"the seal of a begun login", "sha256")
        self._key = OctKey.import_key(key)

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the product over TLS."""
        return self._callback.startswith("https:")

    async def begin(self, redirect_url: str | None, guest_id: str | None) -> tuple[LoginBegun, str]:
        """Where to go, and the cookie to bring back. Raises ApiError for an address that isn't allowed."""
        if redirect_url is not None and not may_lead_to(redirect_url, self._settings):
            message = "redirect_url is not one of the addresses that a login may lead back to"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param="redirect_url")
        ask = Ask(*(secrets.token_urlsafe(SECRET_BYTES) for _ in range(3)))
        begun = Begun(
            state=ask.state,
            nonce=ask.nonce,
            verifier=ask.verifier,
            redirect_url=redirect_url,
            guest_id=guest_id,
            until=self._clock() + LOGIN_SECONDS,
        )
        url = await self._issuer.login_url(ask, self._callback)
        return LoginBegun(authorization_url=url, state=ask.state), self._sealed(begun)

    async def end(self, query: Mapping[str, str], cookie: str | None) -> Ended:
        """The session of a login that the issuer has answered. Raises ApiError: login_failed, or 503."""
        begun = self._opened(cookie)
        await self._check(query, begun)
        tokens = await self._issuer.exchange(query["code"], begun.verifier, self._callback)
        profile = await checked_id_token(
            (tokens.id_token, tokens.access_token),
            begun.nonce,
            self._issuer.settings,
            self._issuer.keys.find,
            self._settings.leeway,
        )
        user = await self._users.logged_in(profile, begun.guest_id)
        return Ended(await self._sessions.open_session(user), begun.redirect_url)

    async def _check(self, query: Mapping[str, str], begun: Begun) -> None:
        state = query.get("state", "")
        if not hmac.compare_digest(state.encode(), begun.state.encode()):
            raise failed("The state is not that of the login that this browser began")
        await self._check_issuer(query.get("iss"))
        if "error" in query:
            raise failed(f"The login issuer refused: {_told(query['error'])}")
        if not 0 < len(query.get("code", "")) <= MAX_CODE:
            raise failed("The login issuer's answer holds no code")

    async def _check_issuer(self, given: str | None) -> None:
        """RFC 9207: an answer that names another issuer was meant for another client."""
        metadata = await self._issuer.metadata()
        is_missing = given is None and metadata.authorization_response_iss_parameter_supported
        if is_missing or given not in {None, metadata.issuer}:
            raise failed("The answer is not of the login issuer that was asked")

    def _sealed(self, begun: Begun) -> str:
        return jwe.encrypt_compact(SEAL, begun.model_dump_json(), self._key)

    def _opened(self, cookie: str | None) -> Begun:
        if not cookie or len(cookie) > MAX_COOKIE:
            raise failed("This browser has not begun a login, or its cookie was not sent")
        try:
            plain = jwe.decrypt_compact(cookie, self._key, algorithms=list(SEAL.values())).plaintext
            begun = Begun.model_validate_json(plain or b"")
        except (JoseError, ValidationError, ValueError) as error:
            raise failed("The login's cookie is not one of ours") from error
        if begun.until <= self._clock():
            raise failed("The login took too long; begin again")
        return begun


def failed(reason: str) -> ApiError:
    """A login that ends in no session."""
    return ApiError(ErrorCode.LOGIN_FAILED, reason)


def may_lead_to(url: str, settings: IdentitySettings) -> bool:
    """Whether a login may end at this address: one of `redirect_urls` but for its query and fragment; without
    such a list, any of the product's own origin."""
    if len(url) > MAX_URL or not all("!" <= letter <= "~" and letter != "\\" for letter in url):
        return False
    if settings.redirect_urls:
        return any(_place(url) == _place(allowed) is not None for allowed in settings.redirect_urls)
    place, own = _place(url), _place(settings.issuer)
    return place is not None and own is not None and place[:3] == own[:3]


def _place(url: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path; None for what is no plain address."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or not _is_plain(parts):
        return None
    return parts.scheme, parts.hostname, port, parts.path or "/"


def _is_plain(parts: SplitResult) -> bool:
    """Whether nothing stands before the host that could be taken for it."""
    return "@" not in parts.netloc and not parts.netloc.endswith(":")


def _told(text: str) -> str:
    """An issuer's word in a message of ours: short, and nothing but letters of a code (RFC 6749, 4.1.2.1)."""
    return "".join(letter for letter in text[:64] if letter.isalnum() or letter in "_-.") or "an error"
