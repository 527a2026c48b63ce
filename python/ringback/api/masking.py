"""Hides most of a phone number where the key may not see it: `+49****1820`."""

import re
from typing import Any

from ringback.api.auth import Caller
from ringback.api.services import ApiServices
from ringback.model.access import Scope

_NUMBER = re.compile(r"(?<![A-Za-z0-9_])\+?\d{7,15}(?![A-Za-z0-9])")
_SHOWN = 4


def masks(caller: Caller, services: ApiServices) -> bool:
    """Tell whether numbers are hidden from this caller."""
    return services.settings.mask_numbers and not caller.may(Scope.CONFIGURE)


def mask_text(text: str) -> str:
    """Hide all numbers of 7 and more digits in a text but for their last four digits."""
    return _NUMBER.sub(lambda found: "*" * (len(found[0]) - _SHOWN) + found[0][-_SHOWN:], text)


def mask_data(value: Any) -> Any:
    """Hide the numbers in all texts of JSON data; names of fields stay."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {key: mask_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_data(item) for item in value]
    return value
