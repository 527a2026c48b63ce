"""Signatures that the public libraries verify."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from ringback.webhook.signing import is_usable_secret, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_library_verifies_body_id_and_time() -> None:
    headers = signed_headers("evt_1", datetime.now(UTC), '{"a":1}', SECRET)

    assert Webhook(SECRET).verify('{"a":1}', headers) == {"a": 1}
    for body, changed in (('{"a":2}', {}), ('{"a":1}', {"webhook-id": "evt_2"})):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, headers | changed)


def test_without_a_secret_there_is_no_signature() -> None:
    assert set(signed_headers("evt_1", datetime.now(UTC), "", "")) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize(
    ("secret", "is_usable"),
    [(SECRET, True), (SECRET.removeprefix("whsec_"), True), ("whsec_c2hvcnQ=", False), ("whsec_?", False), ("", False)],
)
def test_secret_must_be_base64_of_24_bytes(secret: str, is_usable: bool) -> None:
    assert is_usable_secret(secret) is is_usable
