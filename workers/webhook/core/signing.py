"""The headers of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec, version 1.0)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
VERSION = "v1"


def signed_headers(event_id: str, moment: int, body: str, secrets: Sequence[str]) -> Mapping[str, str]:
    """What goes along with a body at that unix time: one signature for each secret.

    Raises ValueError for what is no secret.
    """
    text = f"{event_id}.{moment}.{body}".encode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(f"{VERSION},{_signature(secret, text)}" for secret in secrets),
    }


def _signature(secret: str, text: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
