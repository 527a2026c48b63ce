"""What an INVITE says beside the two numbers."""

from typing import Any

import pytest

from ringback.model.ids import TrunkId
from ringback.model.sip.facts import Diversion, HistoryEntry, SipFacts
from ringback.model.sip.header_rules import HeaderRule, HeaderRules
from ringback.model.sip.identity import IdentityPolicy, NumberFormat
from ringback.model.trunk import Trunk
from ringback.routing.addresses import parse_address, split_list
from ringback.routing.incoming import Invite, Parties, read_invite

TO = "sip:+4930222@us.example"


def read(
    *headers: tuple[str, str],
    uri: str = TO,
    from_: str = "<sip:+4930111@x>",
    rules: HeaderRules | None = None,
    **policy: Any,
) -> Parties:
    trunk = Trunk(
        id=TrunkId("t"), engine_id=1, name="t", identity=IdentityPolicy(**policy), header_rules=rules or HeaderRules()
    )
    from_uri = from_.partition("<")[2].partition(">")[0]
    return read_invite(
        trunk, Invite(request_uri=uri, to_uri=TO, from_uri=from_uri, headers=(("From", from_), *headers))
    )


def test_plain_invite_has_next_to_no_facts() -> None:
    assert read() == Parties(called="+4930222", calling="+4930111", facts=SipFacts(calling_header="From"))


def test_name_and_header_of_the_caller_are_kept() -> None:
    parties = read(
        ("P-Asserted-Identity", '"Doe <x>, J\\"r" <sip:+4930333@x>, <tel:+4930444>'), from_='"F" <sip:+4930111@x>'
    )

    assert parties.calling == "+4930333"
    assert parties.facts.display_name == 'Doe <x>, J"r'
    assert parties.facts.calling_header == "P-Asserted-Identity"
    assert parties.facts.asserted == ("+4930333", "+4930444")
    assert read(from_='"Bob" <sip:+4930111@x>;tag=1').facts.display_name == "Bob"


def test_peer_outside_the_trust_domain_is_believed_from_alone() -> None:
    headers = (
        ("P-Asserted-Identity", "<sip:+4930333@x;verstat=TN-Validation-Passed>"),
        ("Diversion", "<sip:+4930444@x>"),
        ("Attestation-Info", "A"),
    )

    assert read(*headers, trusted=False) == read()
    assert read(*headers).calling == "+4930333"


def test_caller_who_withholds_is_shown_nowhere() -> None:
    parties = read(("P-Asserted-Identity", "<sip:+4930333@x>"), ("Privacy", "id;critical"), ("Identity", "eyJ..sig"))

    assert parties.calling is None
    assert parties.facts == SipFacts(is_anonymous=True, privacy=("id", "critical"))


@pytest.mark.parametrize(
    ("privacy", "calling"), [("full", None), ("uri", None), ("off", "+4930333"), ("name", "+4930333")]
)
def test_remote_party_id_has_a_privacy_of_its_own(privacy: str, calling: str | None) -> None:
    header = ("Remote-Party-ID", f"<sip:+4930333@x>;party=calling;screen=yes;privacy={privacy}")

    assert read(header).calling == calling


def test_ported_number_leaves_its_routing_number() -> None:
    parties = read(uri="sip:+4930222;npdi;rn=+49191001@us.example;user=phone")

    assert parties.called == "+4930222"
    assert parties.facts.routing_number == "+49191001"


def test_national_numbers_are_read_by_the_trunks_format() -> None:
    parties = read(
        ("P-Asserted-Identity", "<tel:030333;phone-context=+49>"),
        uri="sip:030222@us.example",
        reads=NumberFormat(style="national", region="DE"),
    )

    assert (parties.called, parties.calling) == ("+4930222", "+4930333")


def test_diversions_in_order_without_what_they_hide() -> None:
    facts = read(
        ("Diversion", '"A" <sip:+4930333@x>;reason=unconditional;counter=1,<sip:+4930444@x>;reason="b";privacy=full'),
        ("Diversion", "<sip:shop@x>;counter=many"),
    ).facts  # fmt: skip

    assert facts.diversions == (
        Diversion(number="+4930333", reason="unconditional", counter=1),
        Diversion(reason="b"),
        Diversion(),
    )


def test_history_info_tells_index_cause_and_how() -> None:
    first = "<sip:+4930333@x?Reason=SIP%3Bcause%3D302>;index=1, <sip:+4930444@x;cause=486>;index=1.1;mp=1"
    second = "<sip:+4930555@x?Privacy=history>;index=1.2;rc=1.1"

    facts = read(("History-Info", first), ("History-Info", second)).facts

    assert facts.history == (
        HistoryEntry(index="1", number="+4930333", cause="SIP;cause=302"),
        HistoryEntry(index="1.1", number="+4930444", cause="486", how="mp=1"),
        HistoryEntry(index="1.2", how="rc=1.1"),
    )


def test_identity_is_kept_as_it_came_up_to_a_bound() -> None:
    token = "eyJ" * 2_000 + "..sig;info=<https://cert.example/a.pem>"

    facts = read(("Identity", token), ("Identity", "x" * 8_193)).facts

    assert facts.identity == (token,)


@pytest.mark.parametrize(
    ("header", "attestation", "verstat"),
    [
        (("Attestation-Info", "A"), "A", None),
        (("P-Attestation-Indicator", "b"), "B", None),
        (("Attestation-Info", "Z"), None, None),
        (("P-Asserted-Identity", "<tel:+4930111;verstat=TN-Validation-Passed>"), None, "TN-Validation-Passed"),
        (("P-Asserted-Identity", "<sip:+4930111;verstat=No-TN-Validation@x>"), None, "No-TN-Validation"),
        (("P-Asserted-Identity", "<sip:+4930111@x;verstat=No-Check;user=phone>"), None, "No-Check"),
    ],
)  # fmt: skip
def test_attestation_and_verification(header: tuple[str, str], attestation: str | None, verstat: str | None) -> None:
    facts = read(header).facts

    assert (facts.attestation, facts.verstat) == (attestation, verstat)


def test_rules_for_incoming_headers_come_first() -> None:
    rules = HeaderRules(incoming=(HeaderRule(action="rename", name="X-Real-Caller", to="P-Asserted-Identity"),))

    assert read(("X-Real-Caller", "<sip:+4930333@x>"), rules=rules).calling == "+4930333"


def test_what_is_kept_is_bounded() -> None:
    facts = read(
        ("Diversion", ",".join(["<sip:+4930333@x>"] * 500)),
        ("History-Info", ",".join(["<sip:+4930333@x>"] * 500)),
        ("Privacy", ";".join(f"p{n}" for n in range(500))),
    ).facts

    assert (len(facts.diversions), len(facts.history), len(facts.privacy)) == (10, 10, 10)


@pytest.mark.parametrize(
    "text", ["", "<", "<>", '"', '"a <sip:b@c>', "sip:", "tel:", "mailto:a@b", "<sip:a@b", "a;b=c", "\0"]
)
def test_odd_addresses_are_read_or_refused_without_fault(text: str) -> None:
    parse_address(text)
    list(split_list(text))
