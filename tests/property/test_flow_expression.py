"""Whatever is written as a template gives bounded text or an `ExpressionError`, and the data is untouched."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.flow import limits
from ringback.flow.expression import ExpressionError, evaluate, names_in_expression, names_in_template, render
from ringback.flow.values import plain

VALUES = {
    "a": 1,
    "t": "text",
    "l": [1, [2], {"k": "v"}],
    "r": {"items": [1], "in": {"x": None}},
    "none": None,
    "f": 2.5,
}
VALUE_TOKENS = ["a", "t", "l", "r", "none", "f", "nope", "1", "2.5", "'x'", "true", "false", "range(5)"]
SIGNS = [*"()[]{},:.|~+-*/%<", "//", "**", "==", "!=", "<="]
WORDS = ["and", "or", "not", "in", "is", "if", "else", "upper", "length", "join", "items", "sort", "tojson", "defined"]
NAMES = ["keys", "pop", "append", "update", "__class__", "_data"]
tokens = st.sampled_from(VALUE_TOKENS + SIGNS + WORDS + NAMES)
sources = st.lists(tokens, max_size=14).map(" ".join)
blocks = st.sampled_from(
    ["{{ %s }}", "{%% if %s %%}y{%% endif %%}", "{%% for i in %s %%}{{ i }}{%% endfor %%}", "{%% set a = %s %%}{{ a }}"]
)
templates = st.builds(lambda block, source: "<" + block % source + ">", blocks, sources) | st.text(
    "{}%#|'\" ax.", max_size=30
)


@settings(max_examples=1000, deadline=None)
@given(templates)
def test_a_template_gives_bounded_text_or_an_error(template):
    values = copy.deepcopy(VALUES)

    for act in (lambda: render(template, values), lambda: names_in_template(template)):
        try:
            given_ = act()
        except ExpressionError:
            continue
        assert len(given_) <= limits.TEXT_CHARS

    assert values == VALUES


@settings(max_examples=1000, deadline=None)
@given(sources)
def test_an_expression_gives_plain_data_or_an_error(source):
    values = copy.deepcopy(VALUES)

    for act in (lambda: evaluate(source, values), lambda: names_in_expression(source)):
        try:
            given_ = act()
        except ExpressionError:
            continue
        assert isinstance(given_, set) or plain(given_) == given_

    assert values == VALUES
