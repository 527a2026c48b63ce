"""The flow test kit: scripted callers, virtual time, what it says when a script and a flow disagree."""

from datetime import timedelta
from pathlib import Path

import pytest

from ringback.testing.flow_files import run_test_file
from ringback.testing.flows import FlowCall, load

pytest_plugins = ["pytester"]

FLOWS = Path(__file__).parents[2] / "data" / "flows"
OFFICE = FLOWS / "office.json"


def test_a_caller_walks_through_a_flow():
    call = FlowCall(
        OFFICE, at="2026-01-05T10:00:00+01:00", apis={"customer": {"body": {"name": "Ada", "balance": 12.5}}}
    )

    call.hears("Welcome, Ada.", "Press 1 for sales").presses("2")
    call.hears("PIN").presses("4711#")
    call.hears("12.5 euros", "Goodbye")

    assert call.ended == "hangup"
    assert call.status == "FLOW_ANSWER"
    assert call.variables["pin"] == "4711"
    assert call.trail[-3:] == ["pin:match", "balance:next", "bye:hangup"]
    assert call.requests[0].url == "https://crm.example/customers?number=%2B4915112345678"


def test_keys_can_be_typed_ahead():
    call = FlowCall(OFFICE, apis={"customer": {"status_code": 500}}).presses("24711#")

    assert call.trail[-3:] == ["pin:match", "balance:next", "bye:hangup"]


def test_time_is_virtual_and_goes_by():
    call = FlowCall(OFFICE, parties={"sales": "no_answer"}, apis={"customer": {"status_code": 404}})

    call.stays_silent().waits(10).presses("1")

    assert call.now - call.started_at > timedelta(seconds=15)
    assert call.ended == "hangup"


def test_hanging_up_before_the_answer():
    call = FlowCall(OFFICE)
    assert not call.is_answered

    call.hangs_up()

    assert (call.ended, call.status) == ("caller_left", "INCOMING_DISCONNECTED")


def test_hanging_up_after_the_answer():
    call = FlowCall(OFFICE, apis={"customer": {"status_code": 404}}).hangs_up()

    assert (call.ended, call.status) == ("caller_left", "FLOW_ANSWER")


def test_an_outbound_call_begins_answered():
    document = {"name": "x", "start": "p", "nodes": {"p": {"type": "play", "prompt": "{{ call.kind }}"}}}

    call = FlowCall(document, kind="outbound").hears("outbound")

    assert (call.ended, call.status) == ("end", "ANSWER")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda call: call.presses("1"), "`customer` waits for a reply to GET https://crm.example"),
        (lambda call: call.connects("busy"), "`customer` waits for a reply"),
        (lambda call: call.hears("Welcome"), "did not hear 'Welcome'"),
        (lambda call: call.status, "has not ended"),
        (lambda call: call.api_replies(500).api_replies(500), "`menu` waits for digits"),
        (lambda call: call.api_replies(500).hears("Press 1", "Welcome"), "did not hear 'Welcome'"),
        (lambda call: call.api_replies(500).hears_nothing(), "The caller heard"),
        (lambda call: call.api_replies(500).hangs_up().presses("1"), "the call is over \\(caller_left\\)"),
        (lambda call: call.api_replies(500).presses("1").stays_silent(), "calling \\+4930123456, sip:sales@10.0.0.5"),
    ],
)
def test_a_script_that_does_not_fit_says_what_the_flow_waits_for(step, message):
    with pytest.raises(AssertionError, match=message):
        step(FlowCall(OFFICE))


def test_a_flow_with_errors_is_refused_with_all_of_them():
    with pytest.raises(
        AssertionError, match=r"(?s)\$\.nodes\.b\.type.*\$\.nodes\.a\.exits\.next: there is no node `c`"
    ):
        load(
            {"name": "x", "start": "a", "nodes": {"a": {"type": "play", "prompt": "", "exits": {"next": "c"}}, "b": {}}}
        )


def test_a_time_needs_a_zone():
    with pytest.raises(ValueError, match="needs a time zone"):
        FlowCall(OFFICE, at="2026-01-05T10:00:00")


def test_files_of_tests_pass():
    results = run_test_file(FLOWS / "office.test.json")

    assert [(result.name, result.failure) for result in results] == [
        ("sales is busy", ""),
        ("closed on Sunday", ""),
        ("the CRM is down and the caller says nothing", ""),
        ("the caller gives up while the CRM is asked", ""),
    ]


@pytest.mark.parametrize(
    ("test", "failure"),
    [
        ('"steps": [{"presses": "1"}]', "step 1: The flow does not wait for this"),
        ('"steps": [{"dances": true}]', "step 1: a step is one of hears, presses"),
        ('"steps": [{"waits_s": "long"}]', "step 1: Expected `float`"),
        ('"expect": {"ended": "end"}', "expect: ended is None, expected 'end'"),
        (
            '"apis": {"customer": {"status_code": 500}}, "expect": {"heard": ["Bonjour"]}',
            "expect: 'Bonjour' was not heard",
        ),
        ('"expect": {"variables": {"name": "Bob"}}', "the variable `name` is None, expected 'Bob'"),
        ('"at": "yesterday"', "start: Invalid isoformat"),
    ],
)
def test_files_of_tests_say_where_they_fail(tmp_path, test, failure):
    path = tmp_path / "x.test.json"
    path.write_text(f'{{"flow": "{OFFICE}", "tests": [{{"name": "t", {test}}}]}}')

    (result,) = run_test_file(path)

    assert failure in result.failure


def test_a_file_that_is_none_says_where(tmp_path):
    path = tmp_path / "x.test.json"
    path.write_text('{"flow": "a.json", "tests": [{"nam": 1}]}')

    with pytest.raises(ValueError, match=r"x\.test\.json: .*nam"):
        run_test_file(path)


def test_the_pytest_plugin_shows_what_was_heard_when_a_test_fails(pytester):
    pytester.makeconftest('pytest_plugins = ["ringback.testing.pytest_plugin"]')
    pytester.makepyfile(
        f"""
        def test_passes(flow_call):
            flow_call({str(OFFICE)!r}).api_replies(500).hears("Welcome")

        def test_fails(flow_call):
            assert flow_call({str(OFFICE)!r}).api_replies(500).ended == "end"
        """
    )

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*flow call 1*", '*"Press 1 for sales, 2 for your balance."*', "*waits for digits*"])
