"""Patterns for digits agree with Python's `re` wherever both know the pattern."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.flow.pattern import PatternError, compile_pattern, matches

atoms = st.sampled_from(["1", "2", "3", "#", r"\d", r"\*", ".", "[1-3]", "[^12]", "[12*]"])
repeats = st.sampled_from(["", "", "?", "*", "+", "{2}", "{0,1}", "{1,}", "{1,2}"])


def groups(inner):
    many = st.lists(inner, min_size=1, max_size=3)
    return st.builds(
        lambda parts, sign, times: f"({sign.join(parts)}){times}", many, st.sampled_from(["", "|"]), repeats
    )


patterns = st.recursive(st.builds("".join, st.tuples(atoms, repeats)), groups, max_leaves=6).filter(
    lambda p: len(p) <= 60
)


@settings(max_examples=500, deadline=None)
@given(patterns, st.text("123*#", max_size=6))
def test_patterns_agree_with_re(pattern, digits):
    python = pattern.replace(".", "[0-9*#A-D]").replace(r"\d", "[0-9]").replace("#", r"\#")

    assert matches(pattern, digits) == bool(re.fullmatch(python, digits))


@settings(max_examples=500, deadline=None)
@given(st.text("12*#()[]{}|?+.\\d^-,", max_size=30), st.text("12*#", max_size=10))
def test_any_text_is_a_pattern_or_an_error(pattern, digits):
    try:
        compile_pattern(pattern)
    except PatternError:
        return

    assert matches(pattern, digits) in {True, False}
