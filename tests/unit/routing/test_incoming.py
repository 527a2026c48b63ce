"""Who calls whom, out of an INVITE."""

from typing import Any

import pytest

from ringback.model.ids import TrunkId
from ringback.model.trunk import Trunk
from ringback.routing.incoming import called_number, calling_number, number_in


def trunk(**fields: Any) -> Trunk:
    return Trunk(id=TrunkId("t"), engine_id=1, name="t", **fields)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("sip:+4930123@example.com", "+4930123"),
        ("sip:4930123@example.com", "+4930123"),
        ("sip:004930123@example.com", "+4930123"),
        ('"Alice" <sip:+4930123@example.com;user=phone>;tag=1', "+4930123"),
        ("<sips:+4930123@example.com:5061>", "+4930123"),
        ("sip:+4930123;phone-context=x@example.com", "+4930123"),
        ("sip:%2B4930123@example.com", "+4930123"),
        ("tel:+49-30-123", "+4930123"),
        ("<tel:+4930123;ext=5>", "+4930123"),
        ("sip:+9990486@127.0.0.1", "+9990486"),
        ("sip:alice@example.com", None),
        ("sip:anonymous@anonymous.invalid", None),
        ("sip:+4930123@anonymous.invalid", None),
        ("sip:example.com", None),
        ("sip:12@example.com", None),
        ("sip:1234567890123456789@example.com", None),
        ("", None),
        ("sip:" + "9" * 5000 + "@x", None),
    ],
)
def test_number_in_an_address(address: str, number: str | None) -> None:
    assert number_in(address) == number


def test_called_number_stands_where_the_trunk_says() -> None:
    numbers = {"request_uri": "sip:+49111@x", "to_uri": "sip:+49222@x", "headers": [("x-called", "<sip:+49333@x>")]}

    assert called_number(trunk(), **numbers) == "+49111"
    assert called_number(trunk(called_from="to"), **numbers) == "+49222"
    assert called_number(trunk(called_from="X-Called"), **numbers) == "+49333"
    assert called_number(trunk(called_from="X-Other"), **numbers) is None
    assert called_number(trunk(), request_uri="sip:alice@x", to_uri="sip:+49222@x") is None


def test_calling_number_by_the_trunks_order() -> None:
    headers = [("Remote-Party-ID", "<sip:+49222@x>"), ("p-asserted-identity", "<sip:+49111@x>")]

    assert calling_number(trunk(), from_uri="sip:+49333@x", headers=headers) == "+49111"
    assert calling_number(trunk(), from_uri="sip:+49333@x") == "+49333"
    assert calling_number(trunk(calling_from=("From",)), from_uri="sip:+49333@x", headers=headers) == "+49333"


def test_second_asserted_identity_counts_if_the_first_is_no_number() -> None:
    headers = [("P-Asserted-Identity", "<sip:alice@x>"), ("P-Asserted-Identity", "<tel:+49111>")]

    assert calling_number(trunk(), from_uri="sip:anonymous@anonymous.invalid", headers=headers) == "+49111"


@pytest.mark.parametrize("privacy", ["id", "user;id", "header; user", "Full", "id, critical"])
def test_caller_who_withholds_the_number(privacy: str) -> None:
    headers = [("P-Asserted-Identity", "<sip:+49111@x>"), ("Privacy", privacy)]

    assert calling_number(trunk(), from_uri="sip:+49333@x", headers=headers) is None


def test_privacy_none_withholds_nothing() -> None:
    assert calling_number(trunk(), from_uri="sip:+49333@x", headers=[("Privacy", "none")]) == "+49333"


def test_no_calling_number_at_all() -> None:
    assert calling_number(trunk(), from_uri="sip:anonymous@anonymous.invalid") is None
