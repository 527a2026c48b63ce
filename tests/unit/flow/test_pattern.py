"""Patterns for digits."""

import pytest

from ringback.flow.pattern import PatternError, compile_pattern, matches


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("12", ["12"], ["1", "123", "", "21"]),
        (r"\d{4}", ["0000", "1234"], ["123", "12345", "12*4"]),
        ("1|2", ["1", "2"], ["12", "3"]),
        ("(1|22)+", ["1", "22", "122122"], ["", "2"]),
        ("[1-35]", ["1", "2", "3", "5"], ["4"]),
        ("[^0]", ["1", "*", "#"], ["0"]),
        (r"\*\d+#?", ["*1", "*12#"], ["1", "*#"]),
        ("1{2,3}", ["11", "111"], ["1", "1111"]),
        ("1{2,}", ["11", "1" * 64], ["1"]),
        (".*", ["", "12*#A"], []),
        ("0?1*", ["", "0", "011"], ["00"]),
        ("", [""], ["1"]),
        ("[*]1", ["*1"], ["1"]),
    ],
)
def test_patterns_match_whole_inputs(pattern, yes, no):
    assert [digits for digits in yes if not matches(pattern, digits)] == []
    assert [digits for digits in no if matches(pattern, digits)] == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(1", "`\\(` without `\\)`"),
        ("1)", "`\\)` without `\\(`"),
        ("[12", "`\\[` without"),
        ("[]", "matches nothing"),
        ("[5-2]", "lower to a higher"),
        ("x", "cannot stand here"),
        ("*1", "cannot stand here"),
        ("1**", "cannot stand here"),
        ("\\w", "is not known"),
        ("\\", "is not known"),
        ("1{2", "repetition"),
        ("1{a}", "repetition"),
        ("1{3,2}", "repetition"),
        ("1{65}", "repetition"),
        ("1{²}", "repetition"),
        ("1" * 101, "at most 100"),
        ("(" * 30 + "1" + ")" * 30, "nested deeper"),
        ("((((1{64}){64}){64}){64}){64}", "repeats too much"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, message):
    with pytest.raises(PatternError, match=message):
        compile_pattern(pattern)


@pytest.mark.timeout(5)
def test_patterns_that_are_exponential_elsewhere_take_no_time():
    assert not matches(r"(\d+)+0", "1" * 64)
    assert not matches(r"(\d*)*(\d*)*(\d*)*A", "1" * 64)
    assert not matches("(1|11|111)*2", "1" * 64)


def test_longer_inputs_than_a_gather_takes_never_match():
    assert not matches("1*", "1" * 65)
