"""How numbers stand on the wire of a trunk."""

import pytest

from ringback.model.sip.identity import NumberFormat
from ringback.routing.incoming import number_in
from ringback.routing.number_format import read_user, uri_of, write_user

BERLIN, PARIS, NEW_YORK = "+4930901820", "+33142685300", "+12025550123"
NATIONAL_DE = NumberFormat(style="national", region="DE")
NATIONAL_US = NumberFormat(style="national", region="US")


@pytest.mark.parametrize(
    ("number", "style", "user"),
    [
        (BERLIN, NumberFormat(), "+4930901820"),
        (BERLIN, NumberFormat(style="digits"), "4930901820"),
        (BERLIN, NumberFormat(style="international"), "004930901820"),
        (BERLIN, NumberFormat(style="international", region="US"), "0114930901820"),
        (BERLIN, NATIONAL_DE, "030901820"),
        ("+491702222", NATIONAL_DE, "01702222"),
        ("+3612345678", NumberFormat(style="national", region="HU"), "0612345678"),
        (PARIS, NATIONAL_DE, "0033142685300"),
        (NEW_YORK, NATIONAL_US, "2025550123"),
        (BERLIN, NATIONAL_US, "0114930901820"),
        (BERLIN, NumberFormat(style="national", region="DE", phone_context=True), "30901820;phone-context=+49"),
        (PARIS, NumberFormat(style="national", region="DE", phone_context=True), "0033142685300"),
        ("+9990486", NATIONAL_DE, "+9990486"),
        ("0049301", NATIONAL_DE, "0049301"),
        ("+000", NumberFormat(style="international"), "00000"),
    ],
)
def test_number_as_it_is_written(number: str, style: NumberFormat, user: str) -> None:
    assert write_user(number, style) == user


@pytest.mark.parametrize(
    ("user", "style", "number"),
    [
        ("+4930901820", NumberFormat(), BERLIN),
        ("4930901820", NumberFormat(), BERLIN),
        ("004930901820", NumberFormat(), BERLIN),
        ("+49 (30) 90-18.20", NumberFormat(), BERLIN),
        ("030901820", NATIONAL_DE, BERLIN),
        ("0033142685300", NATIONAL_DE, PARIS),
        ("+33142685300", NATIONAL_DE, PARIS),
        ("2025550123", NATIONAL_US, NEW_YORK),
        ("12025550123", NATIONAL_US, NEW_YORK),
        ("0114930901820", NATIONAL_US, BERLIN),
        ("4930901820", NumberFormat(style="digits", region="DE"), BERLIN),
        ("03090182012345678", NATIONAL_DE, None),
        ("12", NumberFormat(), None),
        ("alice", NumberFormat(), None),
        ("+49٣٠٩٠١٨٢", NumberFormat(), None),  # noqa: RUF001  digits, but not of the telephone
    ],
)
def test_number_as_it_is_read(user: str, style: NumberFormat, number: str | None) -> None:
    assert read_user(user, {}, style) == number


@pytest.mark.parametrize(
    ("user", "context", "number"),
    [
        ("30901820", "+49", BERLIN),
        ("030901820", "+49", BERLIN),
        ("901820", "+4930", BERLIN),
        ("2025550123", "+1", NEW_YORK),
        ("1234567890", "+4930123456789", None),
        ("4930901820", "example.com", BERLIN),
    ],
)
def test_phone_context_completes_the_number(user: str, context: str, number: str | None) -> None:
    assert read_user(user, {"phone-context": context}, NumberFormat()) == number


def test_what_one_end_writes_the_other_reads() -> None:
    for number in (BERLIN, PARIS, NEW_YORK):
        for style in (
            NATIONAL_DE,
            NATIONAL_US,
            NumberFormat(style="international", region="DE"),
            NumberFormat(style="digits"),
            NumberFormat(style="national", region="DE", phone_context=True, user_phone=True),
        ):
            assert number_in(uri_of(number, "gw.example", style), style) == number


def test_user_phone_stands_behind_the_host() -> None:
    style = NumberFormat(style="national", region="DE", phone_context=True, user_phone=True)

    assert uri_of(BERLIN, "gw.example", style) == "sip:30901820;phone-context=+49@gw.example;user=phone"
