"""Secrets sealed for the database: AES-256-GCM, under keys that have names and can be replaced.

A sealed secret is `s1.<key name>.<base64url of nonce and ciphertext>`. It is tied to its place: what was
sealed about one row opens for no other. The first key seals, all open.
"""

import base64
import os
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from infra.settings import SealSettings

VERSION = "s1"
NONCE_BYTES = 12
"""Random; good for 2**32 secrets under one key (NIST SP 800-38D, 8.3)."""
TAG_BYTES = 16
KEY_BYTES = 32
MIN_SECRET = 16
_INFO = b"jan-server sealing s1"
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_SEALED = re.compile(r"s1\.([a-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)")


class SealBroken(Exception):
    """A secret cannot be opened, or the keys are none. The message is for operators; it holds no secret."""


class Sealer:
    """Seals and opens."""

    def __init__(self, settings: SealSettings) -> None:
        """Raises SealBroken when the keys are not as `JAN_SEAL_KEYS` wants them."""
        self._keys = _keys(settings.keys)
        self._first = next(iter(self._keys))

    def seal(self, plain: bytes, about: str) -> str:
        """A secret for the place that `about` names, as `signing_keys/01J...`."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self._first].encrypt(nonce, plain, _tied(self._first, about))
        return f"{VERSION}.{self._first}.{base64.urlsafe_b64encode(nonce + sealed).rstrip(b'=').decode()}"

    def open(self, sealed: str, about: str) -> bytes:
        """What was sealed for this place. Raises SealBroken."""
        name, raw = _parts(sealed, about)
        key = self._keys.get(name)
        if key is None:
            message = f"{about} is sealed under the key {name!r}, which JAN_SEAL_KEYS does not hold"
            raise SealBroken(message)
        try:
            return key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _tied(name, about))
        except InvalidTag as error:
            message = f"{about} does not open: the key {name!r} is another one, or what is stored was changed"
            raise SealBroken(message) from error

    def needs_reseal(self, sealed: str) -> bool:
        """Whether it is not under the first key: under an older one, or not sealed at all."""
        found = _SEALED.fullmatch(sealed)
        return found is None or found[1] != self._first


def is_sealed(text: str) -> bool:
    """Whether it has the form of a sealed secret; a secret from before there were seals has not."""
    return text.startswith(f"{VERSION}.")


def _keys(given: Sequence[SecretStr]) -> dict[str, AESGCM]:
    keys: dict[str, AESGCM] = {}
    for one in given:
        name, _, secret = one.get_secret_value().partition(":")
        if _NAME.fullmatch(name) is None or len(secret) < MIN_SECRET:
            message = f"JAN_SEAL_KEYS: each is name:secret, secrets of at least {MIN_SECRET} characters"
            raise SealBroken(message)
        if name in keys:
            message = f"JAN_SEAL_KEYS: the name {name!r} stands twice"
            raise SealBroken(message)
        keys[name] = AESGCM(_derived(secret))
    return keys


def _derived(secret: str) -> bytes:
    """RFC 5869: for random secrets, as `just secrets` makes them. It does not make a guessable one good."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_INFO).derive(secret.encode())


def _parts(sealed: str, about: str) -> tuple[str, bytes]:
    """The key's name, and the nonce with the ciphertext."""
    found = _SEALED.fullmatch(sealed)
    if found is not None:
        name, text = found.groups()
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        if len(raw) >= NONCE_BYTES + TAG_BYTES:
            return name, raw
    message = f"{about} is not a sealed secret"
    raise SealBroken(message)


def _tied(name: str, about: str) -> bytes:
    return f"{VERSION}.{name}.{about}".encode()
