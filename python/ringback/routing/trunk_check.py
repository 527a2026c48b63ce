"""What a trunk's identity policy and header rules must not say. Pure; for the API and the settings alike."""

from collections.abc import Iterator

import phonenumbers

from ringback.model.sip.identity import NumberFormat
from ringback.model.trunk import Trunk
from ringback.routing.header_rules import faults_of


def identity_faults(trunk: Trunk) -> Iterator[tuple[str, str]]:
    """Yield each fault: the field's path, and a phrase that goes on from it."""
    policy = trunk.identity
    yield from _format_faults("identity.sends", policy.sends)
    yield from _format_faults("identity.reads", policy.reads)
    if policy.from_user == "account" and trunk.username is None:
        yield "identity.from_user", "`account` needs the trunk's `username`"
    if "P-Asserted-Identity" in policy.carry_in and not policy.trusted:
        yield "identity.carry_in", "P-Asserted-Identity goes to trusted trunks only (RFC 3325 5)"
    if policy.display_name is not None and not policy.display_name.isprintable():
        yield "identity.display_name", "must be one line of printable characters"
    for way, rules in (("outgoing", trunk.header_rules.outgoing), ("incoming", trunk.header_rules.incoming)):
        for index, rule in enumerate(rules):
            for field, detail in faults_of(rule).items():
                yield f"header_rules.{way}[{index}].{field}", detail


def _format_faults(path: str, style: NumberFormat) -> Iterator[tuple[str, str]]:
    if style.region is not None and style.region not in phonenumbers.SUPPORTED_REGIONS:
        yield f"{path}.region", f"`{style.region}` is no region with a numbering plan"
    if style.style == "national" and style.region is None:
        yield f"{path}.region", "is needed with style `national`"
    if style.phone_context and style.style != "national":
        yield f"{path}.phone_context", "goes with style `national` only"
