"""Numbers as a carrier writes them: E.164, digits, national, international, with `phone-context` (RFC 3966). Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache

import phonenumbers

from ringback.model.sip.identity import NumberFormat
from ringback.routing.addresses import Address
from ringback.routing.numbers import is_test_number

_SEPARATORS = str.maketrans("", "", "-.() ")  # RFC 3966 5.1.1, and spaces
_NUMBER = re.compile(r"\+?[0-9]{3,18}")  # E.164 has 15 at most; carriers add a prefix of up to three
_ANONYMOUS_HOST = "anonymous.invalid"  # RFC 3323 4.1.1.3
_GLOBAL = re.compile(r"\+[0-9]{1,15}")
_NO_REGION = frozenset({"ZZ", "001"})


def write_user(number: str, style: NumberFormat) -> str:
    """Return the user part for a number, with `;phone-context=` if the format asks for it.

    What is not E.164 with `+` (rewritten by a route) and test numbers stay as they are.
    """
    if not number.startswith("+") or is_test_number(number) or style.style == "e164":
        return number
    return number[1:] if style.style == "digits" else _dialed(number, style)


def uri_of(number: str, host: str, style: NumberFormat) -> str:
    """Return the SIP URI of a number at a host."""
    suffix = ";user=phone" if style.user_phone else ""
    return f"sip:{write_user(number, style)}@{host}{suffix}"


@lru_cache(maxsize=16_384)
def _dialed(number: str, style: NumberFormat) -> str:
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return f"00{number[1:]}"
    is_home = style.region is not None and phonenumbers.country_code_for_region(style.region) == parsed.country_code
    if style.style == "national" and is_home:
        significant = phonenumbers.national_significant_number(parsed)
        if style.phone_context:
            return f"{significant};phone-context=+{parsed.country_code}"
        return f"{_trunk_prefix(style.region or '')}{significant}"
    return f"{_international_prefix(style.region)}{number[1:]}"


def _international_prefix(region: str | None) -> str:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region or "", None)
    prefix = (metadata.preferred_international_prefix or metadata.international_prefix) if metadata else None
    return prefix if prefix and prefix.isdigit() else "00"  # where there are several the metadata has a pattern


@lru_cache(maxsize=512)
def _trunk_prefix(region: str) -> str:
    """Return what is dialed in front of national numbers, as in the region's example number.

    The metadata's own entry does not do: it names `1` for North America, where national numbers are written without.
    """
    example = phonenumbers.example_number(region)
    if example is None:
        return ""
    dialed = _digits(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL))
    significant = phonenumbers.national_significant_number(example)
    return dialed.removesuffix(significant) if dialed.endswith(significant) else ""


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def number_of(address: Address, style: NumberFormat) -> str | None:
    """Return the number an address names; None for names, anonymous addresses and what is too long or short."""
    if address.host.startswith(_ANONYMOUS_HOST):
        return None
    return read_user(address.user, address.user_params, style)


def read_user(user: str, params: Mapping[str, str], style: NumberFormat) -> str | None:
    """Return the number of a user part as `+<digits>`, None when it is none.

    `+` and `phone-context` say it all. Otherwise with `region` the number is read as dialled there; without one, or
    with style `digits`, `00` in front counts as `+`, and a number without either is taken as if it had the `+`.
    """
    number = user.translate(_SEPARATORS)
    if not _NUMBER.fullmatch(number):
        return None
    if number.startswith("+"):
        return number
    context = params.get("phone-context", "").translate(_SEPARATORS)
    if _GLOBAL.fullmatch(context):
        return _in_context(number, context)
    if style.region is not None and style.style != "digits":
        return _as_dialed(number, style.region)
    return f"+{number[2:]}" if number.startswith("00") else f"+{number}"


def _in_context(number: str, context: str) -> str | None:
    """RFC 3966 5.1.5: the context is a prefix. After a country code a trunk prefix of the number is tolerated."""
    region = phonenumbers.region_code_for_country_code(int(context[1:]))
    if region in _NO_REGION:
        return f"{context}{number}" if len(context) + len(number) <= 16 else None  # noqa: PLR2004  15 digits and `+`
    return _as_dialed(number, region)


@lru_cache(maxsize=16_384)
def _as_dialed(number: str, region: str) -> str | None:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
