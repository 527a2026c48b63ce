"""Signs webhooks after the Standard Webhooks specification (https://www.standardwebhooks.com).

Receivers verify with any of its libraries: secret `whsec_...`, the headers below, and the raw body; for GET, which
has no body, the query string of the URL (without `?`) stands in its place.
"""

import binascii
from datetime import datetime

from standardwebhooks import Webhook


def signed_headers(event_id: str, at: datetime, content: str, secret: str) -> dict[str, str]:
    """Return the three headers of one try.

    Args:
        event_id: The same on every try.
        at: The moment of this try; receivers refuse old ones.
        content: The body, or the query string of a GET.
        secret: `whsec_` and base64; without one ("") there is no signature.
    """
    headers = {"webhook-id": event_id, "webhook-timestamp": str(int(at.timestamp()))}
    if secret:
        headers["webhook-signature"] = Webhook(secret).sign(event_id, at, content)
    return headers


def is_usable_secret(secret: str) -> bool:
    """Tell whether a secret can sign: base64 of at least 24 bytes after `whsec_`, as the specification asks."""
    try:
        return len(binascii.a2b_base64(secret.removeprefix("whsec_"), strict_mode=True)) >= 24  # noqa: PLR2004  the specification says so
    except binascii.Error:
        return False
