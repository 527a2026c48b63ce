"""Filling URLs: values stay values."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.webhook.placeholders import fill, has_placeholder_in_host, names


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("https://h/p?a={a}", "https://h/p?a=1%202"),
        ("https://h/p?a={{a}}", "https://h/p?a=1%202"),
        ("https://h/p?a={{ A }}", "https://h/p?a=1%202"),
        ("https://h/{a}/{nobody}x", "https://h/1%202/x"),
        ("https://h/p?a={a}{{a}}", "https://h/p?a=1%2021%202"),
        ("https://h/p?json={}&open={", "https://h/p?json={}&open={"),
        ("https://h/p?a={a b}", "https://h/p?a={a b}"),
    ],
)
def test_both_brace_styles_are_filled(template: str, url: str) -> None:
    assert fill(template, {"a": "1 2"}) == url


@given(st.text())
def test_no_value_can_leave_its_place(value: str) -> None:
    url = fill("https://host.example/path?a={a}&b=2#end", {"a": value.encode("utf-8", "replace").decode()})

    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("https", "host.example", "/path", "end")
    assert parse_qs(parts.query, keep_blank_values=True)["b"] == ["2"]
    assert set(parse_qs(parts.query, keep_blank_values=True)) == {"a", "b"}


@pytest.mark.parametrize(
    "template",
    [
        "https://{a}/x",
        "https://x.{{a}}.example/x",
        "https://user:{a}@h/x",
        "{a}://h/x",
        "https://h:{a}/x",
        "https://{a}",
        "https://{a}?x",
        "{a}",
    ],
)
def test_placeholder_before_the_path_is_found(template: str) -> None:
    assert has_placeholder_in_host(template)


def test_placeholders_behind_the_host_are_fine_and_listed() -> None:
    template = "https://h/{A}/x?b={{ b }}&c={a}"

    assert not has_placeholder_in_host(template)
    assert names(template) == ("a", "b", "a")
