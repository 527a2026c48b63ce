"""Decoding bodies: JSON and both kinds of form, bounded, never an exception of another kind."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.api.body import MAX_FORM_FIELDS, decode_body
from ringback.api.problems import ProblemError

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


def refusal(content_type: str, body: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        decode_body(content_type, body)
    return caught.value


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "", "text/x+json"])
def test_json_is_decoded(content_type: str) -> None:
    assert decode_body(content_type, b'{"a": [1]}') == ({"a": [1]}, False)


def test_form_is_decoded_and_blank_fields_are_left_out() -> None:
    assert decode_body(FORM, b"a=1+2&b=%2B49&c=") == ({"a": "1 2", "b": "+49"}, True)


def test_multipart_is_decoded() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="to"\r\n\r\n+49\r\n--b--\r\n'

    assert decode_body(MULTIPART, body) == ({"to": "+49"}, True)


def test_field_given_twice_is_refused() -> None:
    problem = refusal(FORM, b"to=1&to=2&a=3")

    assert problem.kind.slug == "invalid-request"
    assert [fault.field for fault in problem.errors] == ["to"]


def test_file_in_a_form_is_refused() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="to"; filename="x"\r\n\r\n+49\r\n--b--\r\n'

    assert "is a file" in refusal(MULTIPART, body).detail


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""),
        ("application/json", b"{"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'"\\ud800"'),
        ("application/json", b"NaN"),
        ("application/json", b"1e999"),
        ("application/json", b"[" + b"1" * 30 + b"]"),
        ("application/json", b"[" + b"1" * 5_000 + b"]"),
        ("application/json", b'{"a":' * 32 + b"1" + b"}" * 32),
        ("application/json", b'{"a\\u0000":1}'),
        ("application/json", b'{"a":["b\\u0000"]}'),
        (FORM, b"a=%00"),
        (FORM, b"a=%ff"),
        (FORM, b"\xff=1"),
        (FORM, b"&".join(b"f%d=1" % index for index in range(MAX_FORM_FIELDS + 1))),
        ("multipart/form-data", b"--b--"),
        (MULTIPART, b"garbage"),
        (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="to"\r\n\r\n\xff\r\n--b--\r\n'),
        (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="to"\r\n\r\nunfinished'),
    ],
)
def test_unreadable_bodies_are_refused(content_type: str, body: bytes) -> None:
    assert refusal(content_type, body).kind.slug == "malformed-body"


def test_other_media_types_are_refused() -> None:
    assert refusal("text/csv", b"a,b").kind.slug == "unsupported-media-type"


@given(content_type=st.sampled_from(["application/json", FORM, MULTIPART, "multipart/form-data; boundary"]) | st.text())
def test_garbage_is_refused_or_read_whatever_it_claims_to_be(content_type: str) -> None:
    for body in (b"\0\1\2", b"--b\r\n\r\n--b--", b"=&=&%", b'{"a":'):
        with suppress(ProblemError):
            decode_body(content_type, body)


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.lists,
        max_leaves=20,
    )
)
def test_json_comes_through_unchanged(value: object) -> None:
    assert decode_body("application/json", json.dumps({"v": value}).encode()) == ({"v": value}, False)
