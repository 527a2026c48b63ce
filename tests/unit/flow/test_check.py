"""The checker: every kind of problem, all at once, with node and path."""

import json

import pytest

from ringback.flow import limits
from ringback.flow.check import Facts, check
from ringback.flow.problems import Severity

OFFICE = {
    "name": "Office",
    "variables": {"customer": {"type": "text"}, "pin": {"type": "text", "secret": True}},
    "nodes": {
        "start": {"type": "start", "record": True, "exits": {"next": "hours"}},
        "hours": {
            "type": "date_time",
            "time_zone": "Europe/Berlin",
            "hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}],
            "exits": {"match": "menu", "no_match": "closed"},
        },
        "menu": {
            "type": "gather",
            "prompt": "Press 1 for sales.",
            "exits": {"1": "sales", "no_input": "bye", "invalid": "bye"},
        },
        "sales": {"type": "connect", "to": "+4930123456", "exits": {"failed": "bye"}},
        "closed": {"type": "play", "prompt": [{"sound": "closed"}, "Call again at nine."], "exits": {"next": "bye"}},
        "bye": {"type": "hangup"},
    },
}


def with_node(node, **more):
    """A flow of one start node and the node `n`."""
    return {"name": "x", "start": "n", "nodes": {"n": node, "end": {"type": "hangup"}}} | more


def found(document, facts=None):
    return [(problem.slug, problem.path) for problem in check(document, facts).problems]


def errors(document, facts=None):
    problems = check(document, facts).problems
    return [(problem.slug, problem.path) for problem in problems if problem.severity is Severity.ERROR]


def test_a_sound_flow_has_no_problems():
    result = check(json.dumps(OFFICE))

    assert result.problems == ()
    assert result.is_ok
    assert result.document is not None
    assert result.document.name == "Office"


def test_all_problems_are_listed_at_once():
    broken = json.loads(json.dumps(OFFICE))
    broken["strat"] = "start"
    broken["nodes"]["hours"]["time_zone"] = "Europe/Berlni"
    broken["nodes"]["menu"]["max_digts"] = 2
    broken["nodes"]["sales"]["exits"]["busy"] = "nowhere"
    broken["nodes"]["closed"]["prompt"][1] = "{{ nobody }}"
    broken["nodes"]["bye"]["type"] = "hangupp"

    result = check(broken)

    assert [(problem.slug, problem.path, problem.node) for problem in result.problems] == [
        ("unknown-setting", "$.strat", None),
        ("unknown-setting", "$.nodes.menu.max_digts", "menu"),
        ("unknown-node-type", "$.nodes.bye.type", "bye"),
        ("bad-setting", "$.nodes.hours.time_zone", "hours"),
        ("undeclared-variable", "$.nodes.closed.prompt[1]", "closed"),
        ("unknown-node", "$.nodes.sales.exits.busy", "sales"),
    ]
    assert not result.is_ok
    assert result.document is None


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"type": "plya"}, "did you mean `play`?"),
        ({"type": "play", "promt": "x", "prompt": "x"}, "did you mean `prompt`?"),
        ({"type": "gather", "exits": {"no_inputs": "end"}}, "did you mean `no_input`?"),
        ({"type": "play", "prompt": "x", "exits": {"next": "ende"}}, "did you mean `end`?"),
        ({"type": "play", "prompt": "x{{ calller.number }}"}, "did you mean `caller`?"),
        ({"type": "play", "prompt": "x{{ caller.numbr }}"}, "did you mean `number`?"),
        (
            {"type": "condition", "rules": [{"field": "now.hour", "operator": "eqals", "exit": "a"}]},
            "did you mean `equals`",
        ),
    ],
)
def test_slips_get_a_suggestion(wrong, hint):
    messages = [problem.message for problem in check(with_node(wrong)).problems]

    assert any(hint in message for message in messages), messages


@pytest.mark.parametrize(
    ("document", "slug", "path"),
    [
        (b"", "not-json", "$"),
        (b"{", "not-json", "$"),
        ('{"name": "\\ud800"}', "not-json", "$"),
        (object(), "not-json", "$"),
        ("[" * 100_000, "not-json", "$"),
        (b"[]", "not-a-flow", "$"),
        (None, "not-a-flow", "$"),
        (float("nan"), "not-a-flow", "$"),
        ("x" * (limits.DOCUMENT_BYTES + 1), "too-large", "$"),
        ('{"name": "a", "name": "b", "nodes": {}}', "duplicate-key", "$"),
        ({"nodes": {"a": {"type": "answer"}}}, "missing-setting", "$"),
        ({"name": "x"}, "missing-setting", "$.nodes"),
        ({"name": "x", "nodes": []}, "missing-setting", "$.nodes"),
        ({"name": "x", "nodes": {}}, "missing-setting", "$.nodes"),
        ({"name": "", "nodes": {}}, "bad-setting", "$.name"),
        ({"name": "x", "nodes": {f"n{i}": 1 for i in range(501)}}, "too-many-nodes", "$.nodes"),
        ({"name": "x", "nodes": {"a b": {"type": "answer"}}}, "bad-node-id", '$.nodes["a b"]'),
        ({"name": "x", "nodes": {"a\n": {"type": "answer"}}}, "bad-node-id", '$.nodes["a\\n"]'),
        ({"name": "x", "nodes": {"a": 5}}, "bad-node", "$.nodes.a"),
        ({"name": "x", "nodes": {"a": {}}}, "unknown-node-type", "$.nodes.a.type"),
        ({"name": "x", "nodes": {"a": {"type": ["play"]}}}, "unknown-node-type", "$.nodes.a.type"),
        ({"name": "x", "nodes": {"a": {"type": "answer"}}}, "no-start", "$.start"),
        ({"name": "x", "nodes": {"a": {"type": "start"}, "b": {"type": "start"}}}, "no-start", "$.start"),
        ({"name": "x", "start": "b", "nodes": {"a": {"type": "start"}}}, "unknown-node", "$.start"),
        (with_node({"type": "answer"}, time_zone="Mars"), "bad-setting", "$.time_zone"),
        (with_node({"type": "answer"}, time_zone="../../etc/passwd"), "bad-setting", "$.time_zone"),
        (with_node({"type": "answer"}, language="x"), "bad-setting", "$.language"),
        (with_node({"type": "answer"}, variables={"now": {}}), "reserved-name", "$.variables.now"),
        (with_node({"type": "answer"}, variables={"range": {}}), "reserved-name", "$.variables.range"),
        (with_node({"type": "answer"}, variables={"1a": {}}), "bad-setting", "$.variables.1a"),
        (
            with_node({"type": "answer"}, variables={"a": {"type": "number", "default": "x"}}),
            "bad-setting",
            "$.variables.a.default",
        ),
        (with_node({"type": "play"}), "missing-setting", "$.nodes.n"),
        (with_node({"type": "play", "prompt": {}}), "bad-prompt", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": {"text": "a", "sound": "b"}}), "bad-prompt", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": {"url": "ftp://x"}}), "bad-prompt", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": "x" * 4001}), "bad-setting", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": ["x"] * 21}), "bad-setting", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": "{{ 1 +"}), "bad-template", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": "{{ caller|nope }}"}), "bad-template", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": "{{ " + "-" * 3000 + "1 }}"}), "bad-template", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": "{{ nodes.x.digits }}"}), "unknown-node", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": "{{ nodes.n.digits }}"}), "unknown-name", "$.nodes.n.prompt"),
        (with_node({"type": "play", "prompt": "{{ call.foo }}"}), "unknown-name", "$.nodes.n.prompt"),
        (with_node({"type": "answer", "exits": {"nxt": "end"}}), "unknown-exit", "$.nodes.n.exits.nxt"),
        (with_node({"type": "answer", "exits": {"next": "b"}}), "unknown-node", "$.nodes.n.exits.next"),
        (with_node({"type": "answer", "exits": {"next": 5}}), "bad-setting", "$.nodes.n.exits.next"),
        (with_node({"type": "jump", "to": "b"}), "unknown-node", "$.nodes.n.to"),
        (with_node({"type": "hangup", "sip_code": 200}), "bad-setting", "$.nodes.n.sip_code"),
        (with_node({"type": "hangup", "sip_code": 480, "prompt": "x"}), "bad-setting", "$.nodes.n.sip_code"),
        (with_node({"type": "gather", "min_digits": 3, "max_digits": 2}), "bad-setting", "$.nodes.n.min_digits"),
        (with_node({"type": "gather", "max_digits": 65}), "bad-setting", "$.nodes.n.max_digits"),
        (with_node({"type": "gather", "pattern": "(1"}), "bad-setting", "$.nodes.n.pattern"),
        (with_node({"type": "gather", "range": {"min": 2, "max": 1}}), "bad-setting", "$.nodes.n.range.min"),
        (with_node({"type": "gather", "terminator": "x"}), "bad-setting", "$.nodes.n.terminator"),
        (with_node({"type": "gather", "variable": "v"}), "undeclared-variable", "$.nodes.n.variable"),
        (with_node({"type": "gather", "exits": {"9-1": "end"}}), "bad-setting", "$.nodes.n.exits.9-1"),
        (with_node({"type": "gather", "exits": {"x": "end"}}), "unknown-exit", "$.nodes.n.exits.x"),
        (with_node({"type": "connect", "to": []}), "bad-setting", "$.nodes.n.to"),
        (with_node({"type": "connect", "to": ["1", "{{ x }}"]}), "undeclared-variable", "$.nodes.n.to[1]"),
        (with_node({"type": "connect", "to": "1", "ring_s": 1}), "bad-setting", "$.nodes.n.ring_s"),
        (with_node({"type": "connect", "to": "1", "order": "random"}), "bad-setting", "$.nodes.n.order"),
        (with_node({"type": "api", "url": "example.com"}), "bad-setting", "$.nodes.n.url"),
        (with_node({"type": "api", "url": "https://x", "json": 1, "body": "x"}), "bad-setting", "$.nodes.n.body"),
        (
            with_node({"type": "api", "url": "https://x", "headers": {"a b": ""}}),
            "bad-setting",
            '$.nodes.n.headers["a b"]',
        ),
        (
            with_node({"type": "api", "url": "https://x", "headers": {"Host": ""}}),
            "bad-setting",
            "$.nodes.n.headers.Host",
        ),
        (
            with_node({"type": "api", "url": "https://x", "save": {"v": "body.x"}}),
            "undeclared-variable",
            "$.nodes.n.save.v",
        ),
        (with_node({"type": "api", "url": "https://x", "save": {"v": "x"}}), "bad-setting", "$.nodes.n.save.v"),
        (with_node({"type": "api", "url": "https://x", "save": {"v": "body..x"}}), "bad-setting", "$.nodes.n.save.v"),
        (
            with_node({"type": "api", "url": "https://x", "json": {"a": ["{{ x }}"]}}),
            "undeclared-variable",
            "$.nodes.n.json.a[0]",
        ),
        (with_node({"type": "condition", "rules": []}), "bad-setting", "$.nodes.n.rules"),
        (with_node({"type": "condition", "rules": [{"exit": "a"}]}), "bad-setting", "$.nodes.n.rules[0]"),
        (
            with_node({"type": "condition", "rules": [{"exit": "a", "expression": "1 +"}]}),
            "bad-expression",
            "$.nodes.n.rules[0].expression",
        ),
        (
            with_node({"type": "condition", "rules": [{"exit": "a", "field": "x"}]}),
            "undeclared-variable",
            "$.nodes.n.rules[0].field",
        ),
        (
            with_node({"type": "condition", "rules": [{"exit": "a", "field": "a b"}]}),
            "bad-setting",
            "$.nodes.n.rules[0].field",
        ),
        (
            with_node(
                {"type": "condition", "rules": [{"exit": "a", "field": "now.hour", "operator": "one_of", "value": 1}]}
            ),
            "bad-setting",
            "$.nodes.n.rules[0].value",
        ),
        (
            with_node({"type": "condition", "rules": [{"exit": "a", "field": "now.hour", "value": [1]}]}),
            "bad-setting",
            "$.nodes.n.rules[0].value",
        ),
        (with_node({"type": "set"}), "bad-setting", "$.nodes.n"),
        (with_node({"type": "set", "values": {"v": 1}}), "undeclared-variable", "$.nodes.n.values.v"),
        (with_node({"type": "date_time", "time_zone": "UTC"}), "bad-setting", "$.nodes.n"),
        (
            with_node({"type": "date_time", "time_zone": "UTC", "hours": [{"from": "9:00"}]}),
            "bad-setting",
            "$.nodes.n.hours[0].from",
        ),
        (
            with_node({"type": "date_time", "time_zone": "UTC", "dates": [{"from": "2026-02-30"}]}),
            "bad-setting",
            "$.nodes.n.dates[0].from",
        ),
        (
            with_node({"type": "date_time", "time_zone": "UTC", "dates": [{"from": "2026-02-02", "to": "2026-02-01"}]}),
            "bad-setting",
            "$.nodes.n.dates[0].to",
        ),
        (
            with_node({"type": "date_time", "time_zone": "UTC", "holidays": {"country": "XX"}}),
            "bad-setting",
            "$.nodes.n.holidays.country",
        ),
        (
            with_node({"type": "date_time", "time_zone": "UTC", "holidays": {"country": "DE", "subdivision": "XX"}}),
            "bad-setting",
            "$.nodes.n.holidays.subdivision",
        ),
        (
            with_node({"type": "date_time", "time_zone": "UTC", "holidays": {}}),
            "bad-setting",
            "$.nodes.n.holidays",
        ),
        (with_node({"type": "start", "miss_call_s": 61}), "bad-setting", "$.nodes.n.miss_call_s"),
    ],
)
def test_errors(document, slug, path):
    assert (slug, path) in errors(document)
    assert not check(document).is_ok


@pytest.mark.parametrize(
    ("document", "slug", "path"),
    [
        (with_node({"type": "answer"}), "unreachable-node", "$.nodes.end"),
        (with_node({"type": "gather", "exits": {"1": "end"}}), "open-exit", "$.nodes.n.exits"),
        (
            with_node({"type": "gather", "exits": {"123": "end", "no_input": "end"}}),
            "odd-setting",
            "$.nodes.n.exits.123",
        ),
        (
            with_node({"type": "gather", "exits": {"no_input": "end"}, "retry_prompts": {"invalid": "x"}}),
            "odd-setting",
            "$.nodes.n.retry_prompts",
        ),
        (
            with_node({"type": "api", "url": "https://x", "body": "x", "exits": {"failure": "end"}}),
            "odd-setting",
            "$.nodes.n.method",
        ),
        (with_node({"type": "log", "message": "x", "exits": {"next": "n"}}), "circle", "$.nodes.n"),
        (with_node({"type": "jump", "to": "n"}), "circle", "$.nodes.n"),
    ],
)
def test_warnings_do_not_keep_a_flow_from_being_published(document, slug, path):
    result = check(document)

    assert (slug, path) in [(problem.slug, problem.path) for problem in result.problems]
    assert result.is_ok


def test_a_circle_that_waits_gets_no_warning():
    document = with_node({"type": "play", "prompt": "x", "exits": {"next": "n"}})

    assert "circle" not in [slug for slug, _ in found(document)]


def test_nodes_that_only_lead_into_a_circle_or_out_of_it_are_not_part_of_it():
    nodes = {
        "in": {"type": "log", "message": "", "exits": {"next": "a"}},
        "a": {"type": "log", "message": "", "exits": {"next": "b"}},
        "b": {
            "type": "condition",
            "rules": [{"expression": "true", "exit": "go"}],
            "exits": {"go": "a", "else": "out"},
        },
        "out": {"type": "log", "message": ""},
    }

    (problem,) = check({"name": "x", "start": "in", "nodes": nodes}).problems

    assert problem.slug == "circle"
    assert "anything: a, b;" in problem.message


def test_texts_without_a_voice_engine_are_errors_that_say_what_to_install():
    problems = check(OFFICE, Facts(has_speech=False, speech_advice="install espeak-ng")).problems

    assert [problem.path for problem in problems] == ["$.nodes.menu.prompt", "$.nodes.closed.prompt[1]"]
    assert all("install espeak-ng" in problem.message for problem in problems)


def test_sounds_are_looked_up_when_they_are_known():
    assert errors(OFFICE, Facts(sounds=frozenset({"closed"}))) == []
    assert errors(OFFICE, Facts(sounds=frozenset({"open"}))) == [("unknown-sound", "$.nodes.closed.prompt[0]")]


def test_a_node_of_wrong_form_still_counts_as_a_target_and_is_walked_through():
    document = with_node({"type": "play", "exits": {"next": "end"}})

    assert found(document) == [("missing-setting", "$.nodes.n")]


def test_very_many_problems_are_cut_with_a_count():
    document = {"name": "x", "start": "a", "nodes": {"a": {"type": "start", **{f"bad{i}": 1 for i in range(700)}}}}

    problems = check(document).problems

    assert len(problems) == 501
    assert "200 more" in problems[-1].message


def test_a_document_is_also_given_out_when_its_parts_do_not_fit():
    result = check(with_node({"type": "answer", "exits": {"next": "missing"}}))

    assert result.document is not None
    assert not result.is_ok
