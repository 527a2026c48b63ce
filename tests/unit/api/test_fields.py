"""Reading a body's fields: every fault at once."""

from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, field

from ringback.api.fields import MAX_UNKNOWN, read_fields
from ringback.api.problems import ProblemError


class Sample(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1, le=5)]
    from_: str = field(name="from", default="x")
    flag: bool = False
    nested: dict[str, list[int]] = {}


def faults_of(raw: Any, *, lax: bool = False) -> dict[str, str]:
    with pytest.raises(ProblemError) as caught:
        read_fields(Sample, raw, lax=lax)
    assert caught.value.kind.slug == "invalid-request"
    return {fault.field: fault.detail for fault in caught.value.errors}


def test_good_fields_make_the_struct() -> None:
    assert read_fields(Sample, {"count": 2, "from": "y"}, lax=False) == Sample(count=2, from_="y")


def test_texts_stand_for_numbers_and_booleans_in_forms_only() -> None:
    raw = {"count": "2", "flag": "true"}

    assert read_fields(Sample, raw, lax=True) == Sample(count=2, flag=True)
    assert set(faults_of(raw)) == {"count", "flag"}


@pytest.mark.parametrize("text", ["null", "NULL"])
def test_the_text_null_in_a_form_is_not_nothing(text: str) -> None:
    class Form(Struct):
        count: int | None = None
        name: str | None = None

    with pytest.raises(ProblemError):
        read_fields(Form, {"count": text}, lax=True)
    assert read_fields(Form, {"name": text}, lax=True) == Form(name=text)


def test_all_kinds_of_faults_are_listed_together() -> None:
    faults = faults_of({"flag": 3, "form": "z", "nested": {"a": ["b"]}, "something": 1})

    assert faults["count"] == "is missing"
    assert "did you mean `from`" in faults["form"]
    assert "known are count, flag, from, nested" in faults["something"]
    assert faults["flag"] == "expected `bool`, got `int`"
    assert faults["nested[...][0]"] == "expected `int`, got `str`"


def test_range_is_told() -> None:
    assert faults_of({"count": 6}) == {"count": "expected `int` <= 5"}


@pytest.mark.parametrize("raw", [None, [], "text", 7, True])
def test_body_that_is_no_object_is_refused(raw: Any) -> None:
    assert "must be an object" in faults_of(raw)[""]


def test_field_that_is_known_but_not_offered_says_so() -> None:
    with pytest.raises(ProblemError) as caught:
        read_fields(Sample, {"count": 1, "later": 1}, lax=False, unavailable={"later": "not yet"})

    assert [(fault.field, fault.detail) for fault in caught.value.errors] == [("later", "not yet")]


def test_flood_of_unknown_fields_is_counted() -> None:
    faults = faults_of({"count": 1} | {f"unknown{index}": 1 for index in range(30_000)})

    assert len(faults) == MAX_UNKNOWN + 1
    assert faults[""] == f"{30_000 - MAX_UNKNOWN} more fields are unknown"
