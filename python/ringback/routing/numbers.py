"""Telephone numbers: E.164 with leading `+`, and the test numbers `+999...` that reach the carrier in the box."""

import re
from functools import lru_cache

import phonenumbers

from ringback.model.errors import LocalError

TEST_PREFIX = "+999"  # ITU-T E.164 reserves 999 and will not assign it before it is needed for disaster relief
_TEST_NUMBER = re.compile(r"\+999\d{1,12}")
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15  # the smallest numbering plans have 7 with the country code; E.164 allows 15
_LONGEST = 40  # characters with separators; longer is no number


class InvalidNumber(LocalError):  # noqa: N818  (reads as a claim about the number)
    """A text is not a telephone number that may be called."""

    slug = "invalid-number"


def is_test_number(number: str) -> bool:
    """Say whether a number (E.164) belongs to the carrier in the box."""
    return number.startswith(TEST_PREFIX)


@lru_cache(maxsize=16_384)
def parse_number(text: str, *, region: str | None = None, prefix: str | None = None, allow_test: bool = False) -> str:
    """Return the E.164 form of a number as people write it.

    Args:
        text: `+49 30 123456`, or a national form if `region` is given.
        region: Two letters, `DE`; None: only international numbers with leading `+` or `00` are taken.
        prefix: A country code (`91`, `+91`) for numbers written without one; leading zeros of the number go.
        allow_test: Test numbers are taken too.

    Raises:
        InvalidNumber: the message says what is wrong and what would be right.
    """
    if len(text) > _LONGEST:
        raise InvalidNumber(f"a number has at most {_LONGEST} characters, this one has {len(text)}")
    compact = re.sub(r"[\s().\-/]", "", text)
    if is_test_number(compact):
        return _test_number(compact, allow_test=allow_test)
    if region is None:
        compact = _international(compact, prefix)
    try:
        number = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        raise InvalidNumber(f"{text!r} is not a telephone number: write it as +<country code><number>") from None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_possible_number(number) or not _FEWEST_DIGITS <= len(e164) - 1 <= _MOST_DIGITS:
        raise InvalidNumber(f"{text!r} is too short or too long for its country code +{number.country_code}")
    return e164


def _international(compact: str, prefix: str | None) -> str:
    if compact.startswith("+"):
        return compact
    if compact.startswith("00"):
        return f"+{compact[2:]}"
    if prefix is None:
        return compact
    return f"+{prefix.strip().lstrip('+0')}{compact.lstrip('0')}"


def _test_number(compact: str, *, allow_test: bool) -> str:
    if not allow_test:
        raise InvalidNumber(f"{compact} is a test number: only accounts marked as test may call it")
    if not _TEST_NUMBER.fullmatch(compact):
        raise InvalidNumber(f"{compact!r} is not a test number: write {TEST_PREFIX} and 1 to 12 digits")
    return compact
