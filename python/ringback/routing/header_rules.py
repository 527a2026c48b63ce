"""Carries out a trunk's header rules. Pure; takes time in proportion to the headers, whatever stands in them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ringback.model.sip.header_rules import HeaderMatch, HeaderRule

Header = tuple[str, str]

MOST_HEADERS = 20
"""Headers of an INVITE of ours beside those the engine writes; the engine refuses more."""

PROTECTED = frozenset(
    {
        "accept",
        "allow",
        "authorization",
        "call-id",
        "contact",
        "content-encoding",
        "content-length",
        "content-type",
        "cseq",
        "from",
        "max-forwards",
        "min-se",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-require",
        "rack",
        "record-route",
        "replaces",
        "require",
        "route",
        "rseq",
        "server",
        "session-expires",
        "supported",
        "to",
        "user-agent",
        "via",
        "www-authenticate",
    }
)
"""Headers that the dialog, the body, the credentials or the engine's own settings stand on."""


class Variables(NamedTuple):
    """What `{...}` in a value stands for."""

    call_id: str
    from_: str
    to: str
    account: str

    def fill(self, text: str) -> str:
        """Return the text with the variables put in; other braces stay. Line ends cannot come in this way."""
        for name, value in (("call_id", self[0]), ("from", self[1]), ("to", self[2]), ("account", self[3])):
            text = text.replace(f"{{{name}}}", _one_line(value))
        return text


def apply_rules(rules: Iterable[HeaderRule], headers: Iterable[Header], variables: Variables) -> tuple[Header, ...]:
    """Return the headers as the rules leave them. The names of all rules were checked by `faults_of`."""
    current = tuple(headers)
    for rule in rules:
        if rule.when is None or _fits(rule.when, rule.name, current):
            current = _change(rule, current, variables)
    return current


def faults_of(rule: HeaderRule) -> Mapping[str, str]:
    """Return what is wrong with a rule, by field; empty if it can be used."""
    faults = {}
    for field, name in (("name", rule.name), ("to", rule.to)):
        if name is not None and name.lower() in PROTECTED:
            faults[field] = f"`{name}` is a header that no rule may touch"
    if rule.action in {"add", "set"} and rule.value is None:
        faults["value"] = f"is needed to {rule.action} a header"
    if rule.value is not None and any(not char.isprintable() for char in rule.value):
        faults["value"] = "must be one line of printable characters"
    if (rule.action == "rename") != (rule.to is not None):
        faults["to"] = "is needed to rename a header, and only then"
    if rule.when is not None and rule.when.how != "exists" and not rule.when.text:
        faults["when.text"] = f"is needed with `{rule.when.how}`"
    return faults


def _change(rule: HeaderRule, headers: tuple[Header, ...], variables: Variables) -> tuple[Header, ...]:
    name = rule.name.lower()
    others = tuple(header for header in headers if header[0].lower() != name)
    added = ((rule.name, variables.fill(rule.value or "")),)
    match rule.action:
        case "add":
            return headers + added
        case "set":
            return others + added
        case "remove":
            return others
        case "rename":
            return tuple((rule.to or key, value) if key.lower() == name else (key, value) for key, value in headers)


def _fits(match: HeaderMatch, name: str, headers: tuple[Header, ...]) -> bool:
    wanted = (match.header or name).lower()
    text = match.text.lower()
    values = (value.lower() for key, value in headers if key.lower() == wanted)
    match match.how:
        case "exists":
            return any(True for _ in values)
        case "equals":
            return text in values
        case "begins_with":
            return any(value.startswith(text) for value in values)
        case "ends_with":
            return any(value.endswith(text) for value in values)
        case "contains":
            return any(text in value for value in values)


def _one_line(value: str) -> str:
    return "".join(char if char.isprintable() else " " for char in value)
