"""Who an INVITE of ours says it is from."""

from typing import Any

import pytest

from ringback.model.ids import TrunkId
from ringback.model.sip.header_rules import HeaderRule, HeaderRules
from ringback.model.sip.identity import IdentityPolicy, NumberFormat
from ringback.model.trunk import Trunk
from ringback.routing.outgoing import CallIdentity, Presented, present
from ringback.routing.trunk_check import identity_faults

CALLER = "+4930901820"


def trunk(
    *, username: str | None = None, send_pai: bool = False, rules: HeaderRules | None = None, **policy: Any
) -> Trunk:
    return Trunk(
        id=TrunkId("t"), engine_id=1, name="t", username=username, send_pai=send_pai,
        identity=IdentityPolicy(**policy), header_rules=rules or HeaderRules(),
    )  # fmt: skip


def shown(through: Trunk, call: CallIdentity | None = None) -> Presented:
    return present(
        through, caller=CALLER, called="+33142", host="gw.example", account="ac", call=call or CallIdentity()
    )


def test_without_a_policy_from_alone_names_the_caller() -> None:
    assert shown(trunk()) == Presented(from_uri=f"sip:{CALLER}@gw.example", display_name=None, headers=())


def test_every_header_carries_the_number_in_the_trunks_form() -> None:
    through = trunk(
        carry_in=("P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity"),
        from_host="voice.example",
        display_name="Shop {account}",
        sends=NumberFormat(style="national", region="DE", user_phone=True),
    )

    uri = "sip:030901820@voice.example;user=phone"
    assert shown(through) == Presented(
        from_uri=uri,
        display_name="Shop ac",
        headers=(
            ("P-Asserted-Identity", f"<{uri}>"),
            ("Remote-Party-ID", f"<{uri}>;party=calling;screen=yes;privacy=off"),
            ("P-Preferred-Identity", f"<{uri}>"),
        ),
    )


def test_from_may_name_the_account_while_pai_names_the_number() -> None:
    through = trunk(username="us er@x", from_user="account", send_pai=True)

    assert shown(through).from_uri == "sip:us%20er%40x@gw.example"
    assert shown(through).headers == (("P-Asserted-Identity", f"<sip:{CALLER}@gw.example>"),)


def test_withheld_number_leaves_from_and_stays_in_headers_of_trusted_trunks_only() -> None:
    headers = ("Remote-Party-ID", "P-Preferred-Identity")
    call = CallIdentity(anonymous=True)

    trusted, other = (shown(trunk(carry_in=headers, trusted=it), call) for it in (True, False))

    assert trusted.from_uri == other.from_uri == "sip:anonymous@anonymous.invalid"
    assert trusted.display_name == "Anonymous"
    assert trusted.headers == (
        ("Remote-Party-ID", f"<sip:{CALLER}@gw.example>;party=calling;screen=yes;privacy=full"),
        ("P-Preferred-Identity", f"<sip:{CALLER}@gw.example>"),
        ("Privacy", "id"),
    )
    assert other.headers == (("Privacy", "id"),)


def test_untrusted_trunk_gets_no_assertion() -> None:
    assert shown(trunk(trusted=False, send_pai=True)).headers == ()


def test_trunk_may_withhold_every_number_and_leave_from_to_the_carrier() -> None:
    through = trunk(withhold=True, anonymous_from=False, privacy=("header", "id"), privacy_none=True)

    assert shown(through).from_uri == f"sip:{CALLER}@gw.example"
    assert shown(through).headers == (("Privacy", "header;id"),)


def test_privacy_none_is_said_where_the_carrier_wants_it() -> None:
    assert shown(trunk(privacy_none=True)).headers == (("Privacy", "none"),)


def test_identity_tokens_go_out_byte_for_byte() -> None:
    token = "eyJhbGciOiJFUzI1NiJ9" * 400 + "..sig;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken"

    assert shown(trunk(), CallIdentity(identity=(token,))).headers == (("Identity", token),)


def test_rules_come_last_and_cannot_show_a_withheld_number() -> None:
    rules = HeaderRules(
        outgoing=(
            HeaderRule(action="set", name="Privacy", value="header"),
            HeaderRule(action="add", name="X-Caller", value="{from}"),
        )
    )

    assert shown(trunk(rules=rules), CallIdentity(anonymous=True)).headers == (("Privacy", "header"), ("X-Caller", ""))


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"sends": NumberFormat(style="national")}, "identity.sends.region"),
        ({"reads": NumberFormat(region="XX")}, "identity.reads.region"),
        ({"sends": NumberFormat(phone_context=True)}, "identity.sends.phone_context"),
        ({"from_user": "account"}, "identity.from_user"),
        ({"trusted": False, "carry_in": ("P-Asserted-Identity",)}, "identity.carry_in"),
        ({"display_name": "a\nb"}, "identity.display_name"),
        (
            {"rules": HeaderRules(incoming=(HeaderRule(action="remove", name="Via"),))},
            "header_rules.incoming[0].name",
        ),
    ],
)
def test_policy_that_cannot_be_used(fields: dict[str, Any], path: str) -> None:
    assert [field for field, _ in identity_faults(trunk(**fields))] == [path]
