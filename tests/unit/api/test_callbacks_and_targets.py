"""Reading `callback` and `target`."""

from typing import Any

import pytest

from ringback.api.collect import MAX_FAULTS, Faults
from ringback.api.compat.callbacks import MAX_CALLBACKS, read_callbacks
from ringback.api.compat.targets import read_target
from ringback.api.problems import FieldProblem, ProblemError
from ringback.model.call import CallbackUrl, FlowTarget, MessageTarget, SoundTarget, Target
from ringback.model.status import Kind


def told(faults: Faults) -> dict[str, str]:
    if not len(faults):
        return {}
    with pytest.raises(ProblemError) as caught:
        faults.raise_if_any()
    return {fault.field: fault.detail for fault in caught.value.errors}


def callbacks(callback: Any, *, dlrurl: str | None = None, kind: Kind = Kind.OUTBOUND) -> Any:
    faults = Faults()
    found = read_callbacks(callback, dlrurl, kind, faults)
    return told(faults) or found


class TestCallbacks:
    def test_bare_url_is_for_call_end(self) -> None:
        assert callbacks("https://a.example/x") == (
            CallbackUrl(url="https://a.example/x", events=frozenset({"call_end"})),
        )

    def test_url_named_for_several_events_is_one_endpoint(self) -> None:
        shape = {"call_start": {"url": ["http://a.example"]}, "Call_End": {"url": "http://a.example"}}

        assert callbacks(shape) == (CallbackUrl(url="http://a.example", events=frozenset({"call_start", "call_end"})),)

    def test_map_may_come_as_text(self) -> None:
        found = callbacks(' {"call_end": {"url": ["https://a.example/?c={{caller}}"]}}')

        assert found[0].url == "https://a.example/?c={{caller}}"

    def test_leg_events_are_for_click_to_call(self) -> None:
        shape = {"from_call_start": {"url": ["https://a.example"]}}

        assert "is not an event of this call" in callbacks(shape)["callback.from_call_start"]
        assert len(callbacks(shape, kind=Kind.CLICK_TO_CALL)) == 1

    @pytest.mark.parametrize(
        ("callback", "field"),
        [
            ("ftp://a.example", "callback"),
            ("https://", "callback"),
            ("https://a.example/a b", "callback"),
            ("https://[::1", "callback"),
            ("https://a.example:99999/", "callback"),
            ("https://{{host}}/", "callback"),
            ("{not json", "callback"),
            ({"call_end": 7}, "callback.call_end"),
            ({"call_end": {"url": [7]}}, "callback.call_end.url"),
            ({"call_end": {"urls": []}}, "callback.call_end.urls"),
            ({"call_end": {"callback_profile": ["SG_1"]}}, "callback.call_end.callback_profile"),
            ({"call_end": {"url": ["https://a.example", "nope"]}}, "callback.call_end.url[1]"),
        ],
    )
    def test_faults_are_named(self, callback: Any, field: str) -> None:
        assert set(callbacks(callback)) == {field}

    def test_number_of_urls_is_bounded(self) -> None:
        urls = [f"https://a.example/{index}" for index in range(MAX_CALLBACKS)]

        assert len(callbacks({"call_end": {"url": urls}})) == MAX_CALLBACKS
        assert "are allowed" in callbacks({"call_end": {"url": urls}}, dlrurl="https://b.example")["callback"]


def target(raw: Any) -> Target | dict[str, str] | None:
    faults = Faults()
    found = read_target(raw, faults)
    return told(faults) or found


class TestTargets:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("flow_01", FlowTarget(flow_id="flow_01")),
            (" 12345 ", FlowTarget(flow_id="12345")),
            ("sound_01", SoundTarget(sound_id="sound_01")),
            ("https://a.example/flow.json", FlowTarget(url="https://a.example/flow.json")),
            ('[{"message":{"text":"Hi"}}]', MessageTarget(text="Hi")),
            ('{"message":{"language":"de-DE","speed":"slow","text":"Hi"}}',
             MessageTarget(text="Hi", language="de-DE", speed="slow")),
            ([{"sound": {"id": "s"}}], SoundTarget(sound_id="s")),
            ([{"flow": {"id": "f"}}], FlowTarget(flow_id="f")),
            ({"flow": {"url": "http://a.example"}}, FlowTarget(url="http://a.example")),
        ],
    )  # fmt: skip
    def test_accepted_forms(self, raw: Any, expected: Target) -> None:
        assert target(raw) == expected

    @pytest.mark.parametrize(
        "raw",
        [
            "  ", "[]", "[", "[{}]", '[{"message":{"text":"a"}},{"message":{"text":"b"}}]', [{"message": {"text": ""}}],
            [{"message": {"text": "a"}, "sound": {"id": "s"}}], [{"massage": {"text": "a"}}], [7], [{"flow": {}}],
            [{"flow": {"id": "f", "url": "http://a.example"}}], [{"flow": {"url": "file:///etc/passwd"}}],
            [{"message": {"text": "a", "speed": "ludicrous"}}], "gopher://a.example",
        ],
    )  # fmt: skip
    def test_refused_forms(self, raw: Any) -> None:
        found = target(raw)
        assert isinstance(found, dict)
        assert all(field.startswith("target") for field in found)


def test_endless_faults_are_counted_not_listed() -> None:
    faults = Faults()
    for index in range(MAX_FAULTS + 5):
        faults.add(f"to[{index}]", "is wrong")

    with pytest.raises(ProblemError) as caught:
        faults.raise_if_any()

    assert len(caught.value.errors) == MAX_FAULTS + 1
    assert caught.value.errors[-1] == FieldProblem(field="", detail="5 more faults are not listed")
