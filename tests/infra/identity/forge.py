"""Forged tokens: the attacks of RFC 8725 and of the security notes, and good tokens beside them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from infra.identity.keys import Algorithm, SigningKey, new_signing_key
from infra.identity.validator import MAX_TOKEN
from infra.settings import IdentitySettings

NOW = 1_800_000_000
SETTINGS = IdentitySettings(issuer="https://jan.example", audience="jan")
BORN = datetime(2026, 1, 1, tzinfo=UTC)
KEY = new_signing_key(BORN)
EC_KEY = new_signing_key(BORN, Algorithm.ES256)
FOREIGN = new_signing_key(BORN)
CLAIMS: dict[str, Any] = {
    "iss": SETTINGS.issuer,
    "aud": "jan",
    "client_id": "jan",
    "sub": "01USER",
    "sid": "01SESSION",
    "jti": "01TOKEN",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 300,
    "tenant": "01TENANT",
    "username": "guest-1",
    "roles": ["guest"],
}
HEADER: dict[str, Any] = {"alg": "RS256", "kid": KEY.kid, "typ": "at+jwt"}


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def forged(header: dict[str, Any], claims: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """A token with any header and any payload, signed in any way."""
    text = b64(json.dumps(header).encode()) + b"." + b64(claims)
    return text + b"." + b64(sign(text))


def rsa(key: SigningKey = KEY) -> Callable[[bytes], bytes]:
    """A good signature, over whatever it is."""
    pem = RSAKey.import_key(key.private_pem)
    return lambda text: jws.JWSRegistry.algorithms["RS256"].sign(text, pem)


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def signed(header: dict[str, Any] | None = None, key: SigningKey = KEY, **claims: Any) -> bytes:
    """A token with a good signature, changed claims (None leaves one out) and an extended header."""
    kept = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return forged(HEADER | (header or {}), json.dumps(kept).encode(), rsa(key))


def without(name: str) -> bytes:
    kept = {field: value for field, value in HEADER.items() if field != name}
    return forged(kept, json.dumps(CLAIMS).encode(), rsa())


def raw_claims(text: str) -> bytes:
    return forged(HEADER, text.encode(), rsa())


GOOD = signed()
PAYLOAD = json.dumps(CLAIMS).encode()
PUBLIC_PEM = KEY.jwk.as_pem(private=False)
HEAD, BODY, SIGNATURE = GOOD.split(b".")
OTHER_BODY = b64(json.dumps(CLAIMS | {"sub": "admin"}).encode())

ATTACKS: dict[str, bytes] = {
    "alg none": forged(HEADER | {"alg": "none"}, PAYLOAD, lambda _: b""),
    "alg none with a signature": forged(HEADER | {"alg": "none"}, PAYLOAD, rsa()),
    "alg None": forged(HEADER | {"alg": "None"}, PAYLOAD, lambda _: b"x"),
    "alg missing": without("alg"),
    "alg a number": signed({"alg": 5}),
    "HS256 signed with the public key": forged(HEADER | {"alg": "HS256"}, PAYLOAD, hs256(PUBLIC_PEM)),
    "HS256 with an empty key": forged(HEADER | {"alg": "HS256"}, PAYLOAD, hs256(b"")),
    "PS256": jwt.encode(
        HEADER | {"alg": "PS256"}, CLAIMS, RSAKey.import_key(KEY.private_pem), ["PS256"]
    ).encode(),
    "RS256 under the name of an ES256 key": signed({"kid": EC_KEY.kid}),
    "ES256 claimed for an RS256 key": signed({"alg": "ES256"}),
    "signature stripped": HEAD + b"." + BODY + b".",
    "signature cut": GOOD[:-8],
    "signature of another token": signed(sub="x").rsplit(b".", 1)[0] + b"." + SIGNATURE,
    "payload swapped": HEAD + b"." + OTHER_BODY + b"." + SIGNATURE,
    "signed by a foreign key under our kid": signed(key=FOREIGN),
    "unknown kid": signed({"kid": FOREIGN.kid}, key=FOREIGN),
    "kid missing": without("kid"),
    "kid empty": signed({"kid": ""}),
    "kid a path": signed({"kid": "../../dev/null"}),
    "kid an injection": signed({"kid": "' OR 1=1 --"}),
    "kid huge": signed({"kid": "k" * 129}),
    "kid a list": signed({"kid": [KEY.kid]}),
    "typ missing": without("typ"),
    "typ JWT (an ID token)": signed({"typ": "JWT"}),
    "typ of a refresh token": signed({"typ": "Refresh"}),
    "jku": signed({"jku": "https://evil.example/jwks.json"}),
    "x5u": signed({"x5u": "https://evil.example/cert.pem"}),
    "x5c": signed({"x5c": ["MIIB"]}),
    "jwk embedded": signed({"jwk": FOREIGN.public()}, key=FOREIGN),
    "crit unknown": signed({"crit": ["exp"]}),
    "b64 false": signed({"b64": False, "crit": ["b64"]}),
    "zip bomb header": signed({"zip": "DEF"}),
    "nested cty": signed({"cty": "JWT"}),
    "expired": signed(iat=NOW - 400, nbf=NOW - 400, exp=NOW - 31),
    "exp missing": signed(exp=None),
    "exp a string": signed(exp=str(NOW + 300)),
    "exp true": signed(exp=True),
    "exp with a fraction": signed(exp=NOW + 300.5),
    "exp in the year 31 billion": signed(exp=10**18),
    "exp more than a day after iat": signed(exp=NOW + 86_401),
    "exp before iat": signed(iat=NOW + 20, nbf=NOW, exp=NOW + 10),
    "exp NaN": raw_claims(json.dumps(CLAIMS | {"exp": float("nan")})),
    "exp Infinity": raw_claims(json.dumps(CLAIMS | {"exp": float("inf")})),
    "exp 1e400": raw_claims(json.dumps(CLAIMS).replace(str(NOW + 300), "1e400")),
    "nbf in the future": signed(nbf=NOW + 600),
    "nbf missing": signed(nbf=None),
    "iat in the future": signed(iat=NOW + 6_000, exp=NOW + 6_300),
    "iat missing": signed(iat=None),
    "wrong aud": signed(aud="other"),
    "aud missing": signed(aud=None),
    "aud list without us": signed(aud=["account", "other"]),
    "aud an object": signed(aud={"jan": True}),
    "wrong iss": signed(iss="https://evil.example"),
    "iss with ours as a prefix": signed(iss=SETTINGS.issuer + ".evil.example"),
    "iss in other case": signed(iss=SETTINGS.issuer.upper()),
    "iss a list": signed(iss=[SETTINGS.issuer]),
    "iss missing": signed(iss=None),
    "sub a number": signed(sub=123),
    "sub empty": signed(sub=""),
    "sub missing": signed(sub=None),
    "tenant missing": signed(tenant=None),
    "tenant huge": signed(tenant="t" * 129),
    "roles a string": signed(roles="admin"),
    "roles of objects": signed(roles=[{"admin": True}]),
    "roles missing": signed(roles=None),
    "jti missing": signed(jti=None),
    "sid missing": signed(sid=None),
    "claim twice": raw_claims(json.dumps(CLAIMS)[:-1] + ', "sub": "admin"}'),
    "claims a list": raw_claims("[1]"),
    "claims not JSON": raw_claims("{"),
    "claims deeply nested": raw_claims("[" * 4_000),
    "header a list": b64(b'["alg"]') + b"." + BODY + b"." + SIGNATURE,
    "header a number": b64(b"7") + b"." + BODY + b"." + SIGNATURE,
    "header deeply nested": b64(b"[" * 700) + b"." + BODY + b"." + SIGNATURE,
    "header not UTF-8": b64(b"\xff\xfe") + b"." + BODY + b"." + SIGNATURE,
    "header of one letter": b"a." + BODY + b"." + SIGNATURE,
    "four parts": GOOD + b".x",
    "five parts (JWE)": b"a.b.c.d.e",
    "two parts": HEAD + b"." + BODY,
    "dots": b"....",
    "empty": b"",
    "unicode": "é.é.é".encode(),
    "padded": HEAD + b"==." + BODY + b"." + SIGNATURE,
    "line break inside": HEAD + b".\n" + BODY + b"." + SIGNATURE,
    "8 KiB and one byte": b"a" * (MAX_TOKEN - 3) + b".b.c",
    "1 MiB": b"a" * (1 << 20) + b".b.c",
    "good token, padded to be huge": signed(extra="x" * MAX_TOKEN),
}
