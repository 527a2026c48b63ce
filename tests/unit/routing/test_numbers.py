"""Numbers as people write them, and test numbers."""

import pytest

from ringback.routing.numbers import InvalidNumber, is_test_number, parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+4930123456", "+4930123456"),
        ("+49 30 123456", "+4930123456"),
        ("+49 (30) 123-456", "+4930123456"),
        ("004930123456", "+4930123456"),
        ("+91 98860 12345", "+919886012345"),
        ("+1.650.253.0000", "+16502530000"),
    ],
)
def test_international_numbers(text: str, number: str) -> None:
    assert parse_number(text) == number


def test_national_number_with_its_region() -> None:
    assert parse_number("030 123456", region="DE") == "+4930123456"


@pytest.mark.parametrize("prefix", ["91", "+91", "0091"])
def test_number_with_the_country_code_given_apart(prefix: str) -> None:
    assert parse_number("098860 12345", prefix=prefix) == "+919886012345"
    assert parse_number("+4930123456", prefix=prefix) == "+4930123456"


@pytest.mark.parametrize("text", ["", "+", "hello", "12", "+49", "+4912", "112", "sip:alice@example.com", "9" * 100])
def test_what_is_no_number_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidNumber, match=r"number|characters|too short"):
        parse_number(text)


def test_too_long_for_its_country() -> None:
    with pytest.raises(InvalidNumber, match="too short or too long"):
        parse_number("+49301234567890123")


def test_test_numbers_are_for_test_accounts() -> None:
    assert parse_number("+999 0486", allow_test=True) == "+9990486"
    with pytest.raises(InvalidNumber, match="only accounts marked as test"):
        parse_number("+9990486")


@pytest.mark.parametrize("text", ["+999", "+9991234567890123", "+9991x"])
def test_malformed_test_numbers(text: str) -> None:
    with pytest.raises(InvalidNumber):
        parse_number(text, allow_test=True)


def test_is_test_number() -> None:
    assert is_test_number("+9992")
    assert not is_test_number("+4930123456")
