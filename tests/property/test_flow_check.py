"""Anything at all given to the checker gives problems, never an exception; a flow it passes can be read."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.flow.check import check
from ringback.flow.document import parse
from ringback.flow.nodes import KINDS

NODE_FIELDS = sorted({field.encode_name for kind in KINDS.values() for field in msgspec.structs.fields(kind.settings)})
DOCUMENT_FIELDS = ["name", "nodes", "start", "variables", "language", "rate", "voice", "time_zone", "description"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "{{",
            "{{ x",
            "{% if %}",
            "{{ now.hour }}",
            "a",
            "n0",
            "text",
            "2026-01-01",
            "09:00",
            "Europe/Berlin",
            "body.x",
            "(1",
            "next",
        ]
    )
)
keys = st.sampled_from(
    [*NODE_FIELDS, *DOCUMENT_FIELDS, "text", "sound", "field", "exit", "from", "to", "type"]
) | st.text(max_size=5)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)
almost_nodes = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from([*KINDS, "nonsense"]),
    st.dictionaries(st.sampled_from(NODE_FIELDS), anything, max_size=5),
)
almost_flows = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=5) | scalars,
        "start": st.just("n0") | scalars,
        "nodes": st.dictionaries(st.sampled_from(["n0", "n1", "a b", ""]), almost_nodes, max_size=4) | anything,
        "variables": st.dictionaries(st.sampled_from(["v", "now", "1"]), anything, max_size=3) | anything,
        "language": scalars,
        "time_zone": scalars,
        "rate": scalars,
        "extra": anything,
    },
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(almost_flows | anything)
def test_any_json_gives_a_list_of_problems(data):
    result = check(data)

    assert result.problems or result.is_ok
    for problem in result.problems:
        assert problem.path.startswith("$")
        assert problem.message
        assert problem.slug
    if result.document is not None:
        assert parse(msgspec.json.encode(result.document)) == result.document


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_give_a_list_of_problems(data):
    assert check(data).problems


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(almost_flows)
def test_bytes_and_data_are_judged_alike(data):
    try:
        encoded = msgspec.json.encode(data)
    except (UnicodeEncodeError, ValueError):
        return

    assert check(encoded) == check(data)
