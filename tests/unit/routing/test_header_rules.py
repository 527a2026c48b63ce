"""Header rules of a trunk."""

import pytest

from ringback.model.sip.header_rules import HeaderMatch, HeaderRule
from ringback.routing.header_rules import PROTECTED, Variables, apply_rules, faults_of

VARIABLES = Variables("call_1", "+49301", "+49302", "ac_1")
HEADERS = (("X-Mode", "Fast lane"), ("x-mode", "slow"), ("Subject", "hello"))


@pytest.mark.parametrize(
    ("rule", "after"),
    [
        (HeaderRule(action="add", name="X-Id", value="{call_id}/{account}"), (*HEADERS, ("X-Id", "call_1/ac_1"))),
        (HeaderRule(action="set", name="X-Mode", value="{from}>{to}"), (HEADERS[2], ("X-Mode", "+49301>+49302"))),
        (HeaderRule(action="remove", name="X-MODE"), (HEADERS[2],)),
        (
            HeaderRule(action="rename", name="Subject", to="X-Subject"),
            (*HEADERS[:2], ("X-Subject", "hello")),
        ),
        (HeaderRule(action="set", name="X-New", value="{unknown} {"), (*HEADERS, ("X-New", "{unknown} {"))),
    ],
)
def test_each_action(rule: HeaderRule, after: tuple[tuple[str, str], ...]) -> None:
    assert apply_rules((rule,), HEADERS, VARIABLES) == after


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (HeaderMatch(), True),
        (HeaderMatch(how="equals", text="SLOW"), True),
        (HeaderMatch(how="begins_with", text="fast"), True),
        (HeaderMatch(how="ends_with", text="lane"), True),
        (HeaderMatch(how="contains", text="t l"), True),
        (HeaderMatch(how="equals", text="fast"), False),
        (HeaderMatch(header="Subject", how="equals", text="hello"), True),
        (HeaderMatch(header="X-Other"), False),
    ],
)
def test_rule_applies_only_where_its_condition_fits(match: HeaderMatch, *, fits: bool) -> None:
    rule = HeaderRule(action="remove", name="X-Mode", when=match)

    assert (len(apply_rules((rule,), HEADERS, VARIABLES)) == 1) is fits


def test_later_rules_see_what_earlier_ones_did() -> None:
    rules = (
        HeaderRule(action="rename", name="Subject", to="X-Was"),
        HeaderRule(action="add", name="X-Seen", value="yes", when=HeaderMatch(header="X-Was")),
    )

    assert ("X-Seen", "yes") in apply_rules(rules, HEADERS, VARIABLES)


def test_variable_cannot_end_a_line() -> None:
    rule = HeaderRule(action="add", name="X-Id", value="{from}")

    [*_, added] = apply_rules((rule,), (), Variables("", "a\r\nVia: b", "", ""))

    assert added == ("X-Id", "a  Via: b")


@pytest.mark.parametrize("name", sorted(PROTECTED))
def test_headers_of_the_dialog_are_protected(name: str) -> None:
    assert "name" in faults_of(HeaderRule(action="remove", name=name.upper()))
    assert "to" in faults_of(HeaderRule(action="rename", name="X-A", to=name))


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (HeaderRule(action="add", name="X-A"), "value"),
        (HeaderRule(action="add", name="X-A", value="a\r\nb"), "value"),
        (HeaderRule(action="rename", name="X-A"), "to"),
        (HeaderRule(action="remove", name="X-A", to="X-B"), "to"),
        (HeaderRule(action="remove", name="X-A", when=HeaderMatch(how="contains")), "when.text"),
    ],
)
def test_rule_that_says_too_little_or_too_much(rule: HeaderRule, field: str) -> None:
    assert list(faults_of(rule)) == [field]


def test_sound_rule_has_no_fault() -> None:
    assert not faults_of(HeaderRule(action="add", name="X-Account", value="{account}"))
