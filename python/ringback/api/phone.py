"""Reads phone numbers out of requests."""

from ringback.api.collect import Faults
from ringback.model.account import Account
from ringback.routing.numbers import InvalidNumber, parse_number


def read_number(field: str, raw: str | int, prefix: str | int | None, account: Account, faults: Faults) -> str:
    """Return the number in E.164 with `+`, or "" with the fault noted."""
    text = str(raw).strip()
    # A number written without `+` has its country code, unless `prefix` brings one.
    if prefix is None and text[:1].isdigit() and not text.startswith("00"):
        text = "+" + text
    try:
        return parse_number(text, prefix=None if prefix is None else str(prefix), allow_test=account.is_test)
    except InvalidNumber as error:
        faults.add(field, str(error))
        return ""
