"""Rules by which a trunk's INVITEs gain, lose and change headers."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

HeaderName = Annotated[str, Meta(min_length=2, max_length=60, pattern=r"^[A-Za-z0-9.!%*_+`'~-]+$")]
MOST_RULES = 20


class HeaderMatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on one header: any of its values fits. Capitals do not count.

    Attributes:
        header: Which header; None for the one the rule is about.
        how: How `text` has to stand in the value; `exists` takes any value.
    """

    header: HeaderName | None = None
    how: Literal["exists", "equals", "begins_with", "ends_with", "contains"] = "exists"
    text: Annotated[str, Meta(max_length=200)] = ""


class HeaderRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change. Headers that carry the dialog, the body or credentials are refused.

    Attributes:
        action: `add` one more, `set` in place of all of that name, `remove` all, `rename` all to `to`.
        value: For `add` and `set`; `{call_id}`, `{from}`, `{to}` and `{account}` are filled in.
        to: For `rename`: the new name.
        when: Only if this fits.
    """

    action: Literal["add", "set", "remove", "rename"]
    name: HeaderName
    value: Annotated[str, Meta(max_length=1024)] | None = None
    to: HeaderName | None = None
    when: HeaderMatch | None = None


class HeaderRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules in order, each seeing what those before it did: for INVITEs we send, and for INVITEs that come."""

    outgoing: Annotated[tuple[HeaderRule, ...], Meta(max_length=MOST_RULES)] = ()
    incoming: Annotated[tuple[HeaderRule, ...], Meta(max_length=MOST_RULES)] = ()
