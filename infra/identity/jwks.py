"""An external issuer's keys, as one process knows them.

They are read when the process starts, and again after `key_ttl`, off every request's way. A token with an
unknown key causes one more reading, at most one in `key_pause`, however many such tokens come. While the
issuer is away the known keys go on for a day after they were last read; nothing new is let in.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from contracts.errors import ApiError, ErrorCode
from infra.identity.signature import VerifyingKey
from infra.settings import OidcSettings

STALE_SECONDS = 3_600.0
"""For so long after their last reading keys verify, while the issuer cannot be asked."""
MIN_RSA_BITS = 2_048
OF_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
MAX_KEYS = 64
MAX_NAME = 128

LoadKeys = Callable[[], Awaitable[list[Any]]]
"""The `keys` of a key set (RFC 7517): any JSON. Raises ApiError when they cannot be had."""

log = logging.getLogger(__name__)


class JwksKeys:
    """The keys that verify, by their exact names."""

    def __init__(
        self, load: LoadKeys, settings: OidcSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._settings = settings
        self._clock = clock
        self._keys: dict[str, VerifyingKey] = {}
        self._tried_at = float("-inf")
        self._read_at = float("-inf")
        self._failed = True
        self._lock = asyncio.Lock()

    async def find(self, kid: str) -> VerifyingKey | None:
        """The key of this name; None where the issuer has none. Raises ApiError where it cannot be asked."""
        key = self._known(kid)
        if key is not None:
            return key
        await self.read(not_within=self._settings.key_pause)
        key = self._known(kid)
        if key is None and self._failed:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "The login issuer's keys cannot be read now")
        return key

    async def read(self, *, not_within: float = 0.0) -> None:
        """Read them, unless that was tried within so many seconds. What fails is told in the log."""
        async with self._lock:
            if self._clock() - self._tried_at < not_within:
                return
            self._tried_at = self._clock()
            self._failed = True
            try:
                self._keys = usable_keys(await self._load(), self._settings.algorithms)
            except ApiError as error:
                log.warning("issuer_keys_not_read", extra={"reason": error.detail.message})
                return
            self._failed, self._read_at = False, self._clock()

    async def keep_fresh(self) -> None:
        """Read them now and again, until cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(self._settings.key_pause if self._failed else self._settings.key_ttl)

    async def check(self) -> None:
        """Raises ApiError when the last reading failed."""
        if self._failed:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "The login issuer's keys cannot be read now")

    def _known(self, kid: str) -> VerifyingKey | None:
        is_good = self._clock() - self._read_at < max(STALE_SECONDS, self._settings.key_ttl)
        return self._keys.get(kid) if is_good else None


def usable_keys(found: list[Any], algorithms: tuple[str, ...]) -> dict[str, VerifyingKey]:
    """The keys that can verify a signature of these algorithms. Raises ApiError when there is none: an empty
    set is an accident of the issuer's, not its word."""
    pairs = [(_name(jwk), _usable(jwk, frozenset(algorithms))) for jwk in found[:MAX_KEYS]]
    keys = {name: key for name, key in pairs if name is not None and key is not None}
    if not keys:
        raise ApiError(
            ErrorCode.DEPENDENCY_DOWN, "The login issuer's key set holds no key that could be used"
        )
    return keys


def _name(jwk: Any) -> str | None:  # any JSON
    name = jwk.get("kid") if isinstance(jwk, Mapping) else None
    return name if isinstance(name, str) and 0 < len(name) <= MAX_NAME else None


def _usable(jwk: Any, allowed: frozenset[str]) -> VerifyingKey | None:  # any JSON object
    if not isinstance(jwk, Mapping) or jwk.get("use", "sig") != "sig":
        return None
    try:
        key, possible = _imported(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    algorithms = allowed & possible & ({jwk["alg"]} if isinstance(jwk.get("alg"), str) else possible)
    return VerifyingKey(key, algorithms) if algorithms else None


def _imported(jwk: Mapping[str, Any]) -> tuple[RSAKey | ECKey | OKPKey, frozenset[str]]:
    """The key, and what its kind can verify. Raises ValueError for other kinds: a symmetric key above all."""
    public = {name: value for name, value in jwk.items() if name in {"kty", "n", "e", "crv", "x", "y"}}
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            if len(str(jwk["n"])) * 6 < MIN_RSA_BITS:  # before it is imported, which warns of it
                raise ValueError("the key is too short")
            rsa = RSAKey.import_key(public)
            if rsa.public_key.key_size < MIN_RSA_BITS:
                raise ValueError("the key is too short")
            return rsa, frozenset(OF_RSA)
        case "EC", str(curve) if curve in OF_CURVE:
            return ECKey.import_key(public), frozenset({OF_CURVE[curve]})
        case "OKP", "Ed25519":
            return OKPKey.import_key(public), frozenset({"EdDSA", "Ed25519"})
        case _:
            raise ValueError("no key of this kind is used")
