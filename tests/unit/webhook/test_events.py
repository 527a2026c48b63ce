"""Which endpoints hear of what, and what they are told."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ringback.model.account import Account
from ringback.model.call import CallbackUrl, CallRequest
from ringback.model.final import FinalRecord, LegRecord
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Verdict
from ringback.model.status import HangupBy, Kind, LegResult, Status
from ringback.webhook.events import CALL_EVENTS, announcement

AT = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
HOOK = "https://example.com/all"


def a_call(*callbacks: CallbackUrl, **changes: Any) -> CallRequest:
    facts: dict[str, Any] = {
        "id": CallId("call_1"),
        "account": AccountSid("acc"),
        "kind": Kind.CLICK_TO_CALL,
        "from_": "+491",
        "to": "+492",
        "bridge": "+493",
        "accepted_at": AT,
        "callbacks": callbacks,
        "custom": "order 7",
    }
    return CallRequest(**facts | changes)


def a_record() -> FinalRecord:
    legs = (
        LegRecord(leg=1, party="+491", direction="out", result=LegResult.ANSWERED),
        LegRecord(leg=2, party="+492", direction="out", result=LegResult.NO_ANSWER),
    )
    verdict = Verdict(
        status=Status.NOANSWER_CHANNEL2,
        reason="ring_timeout",
        rule="c2c-7",
        table="t",
        evidence=(4, 5),
        hangup_by=HangupBy.PLATFORM,
    )
    return FinalRecord(
        id=CallId("call_1"),
        account=AccountSid("acc"),
        kind=Kind.CLICK_TO_CALL,
        attempt=1,
        parent_id=None,
        from_="+491",
        to="+492",
        bridge="+493",
        verdict=verdict,
        explanation="Nobody answered.",
        started_at=AT,
        ringing_at=None,
        answered_at=None,
        ended_at=AT,
        duration_s=45.4,
        talk_s=0.0,
        sip_code=487,
        sip_reason="Request Terminated",
        q850_cause=None,
        legs=legs,
        custom="order 7",
    )


def an_account(url: str | None = None) -> Account:
    return Account(sid=AccountSid("acc"), name="A", webhook_url=url)


def test_account_webhook_hears_every_event_and_callbacks_the_ones_they_name() -> None:
    start_only = CallbackUrl(url="https://example.com/start", events=frozenset({"from_call_start"}))
    end_by_default = CallbackUrl(url="https://example.com/end")
    call = a_call(start_only, end_by_default)

    def hear(event: str) -> list[str]:
        return [
            told.endpoint for told in announcement(event, request=call, account=an_account(HOOK), sequence=1, at=AT)
        ]

    assert hear("from_call_start") == [start_only.url, HOOK]
    assert hear("call_answer") == [HOOK]
    assert hear("call_end") == [end_by_default.url, HOOK]


def test_endpoint_named_twice_hears_once() -> None:
    both = CallbackUrl(url=HOOK, events=frozenset({"call_end"}))
    as_get = CallbackUrl(url=HOOK, method="get")

    told = announcement("call_end", request=a_call(both, as_get), account=an_account(HOOK), sequence=1, at=AT)

    assert [(event.method, event.endpoint) for event in told] == [("POST", HOOK), ("GET", HOOK)]
    assert len({event.id for event in told}) == 2


def test_nobody_listening_makes_no_events() -> None:
    assert announcement("call_end", request=a_call(), account=an_account(), sequence=1, at=AT) == ()


def test_unknown_event_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="call_over"):
        announcement("call_over", request=a_call(), account=an_account(HOOK), sequence=1, at=AT)


def test_telling_again_makes_the_same_event() -> None:
    first, again, next_one = (
        announcement("call_end", request=a_call(), account=an_account(HOOK), sequence=sequence, at=AT)
        for sequence in (3, 3, 4)
    )

    assert first == again
    assert first[0].id != next_one[0].id
    assert first[0].id.startswith("evt_")


def test_final_payload_carries_everything_of_the_record() -> None:
    (event,) = announcement(
        "call_end", request=a_call(), account=an_account(HOOK), sequence=6, at=AT, record=a_record()
    )

    told = json.loads(event.payload)
    record_fields = set(FinalRecord.__struct_fields__) - {"verdict", "from_", "id"}
    assert record_fields | set(Verdict.__struct_fields__) | {"from", "call_id"} <= set(told)
    assert (told["id"], told["event"], told["sequence"], told["custom"]) == (event.id, "call_end", 6, "order 7")
    assert (told["status"], told["rule"], told["evidence"]) == ("NOANSWER_CHANNEL2", "c2c-7", [4, 5])
    assert [leg["result"] for leg in told["legs"]] == ["answered", "no_answer"]


def test_data_of_an_early_event_stands_beside_the_common_facts() -> None:
    (event,) = announcement(
        "to_call_start", request=a_call(), account=an_account(HOOK), sequence=3, at=AT, data={"leg": 2, "party": "+492"}
    )

    told = json.loads(event.payload)
    assert (told["leg"], told["party"], told["call_id"], told["kind"]) == (2, "+492", "call_1", "click_to_call")
    assert "status" not in told


def test_older_words_fill_their_placeholders() -> None:
    url = (
        "https://example.com/cdr?id={id}&c={caller}&r={receiver}&s={status}&s1={status1}&s2={status2}"
        "&d={duration}&b={billsec}&t={starttime}&cc={{custom}}"
    )

    (event,) = announcement(
        "call_end",
        request=a_call(CallbackUrl(url=url, method="GET")),
        account=an_account(),
        sequence=1,
        at=AT,
        record=a_record(),
    )

    assert event.url == (
        "https://example.com/cdr?id=call_1&c=%2B491&r=%2B492&s=NOANSWER_CHANNEL2&s1=ANSWERED&s2=NO_ANSWER"
        "&d=45&b=0&t=1777629600&cc=order%207"
    )
    assert event.endpoint == url


def test_get_without_placeholders_carries_the_common_facts_as_query() -> None:
    (event,) = announcement(
        "call_end",
        request=a_call(CallbackUrl(url="https://example.com/cdr?key=1", method="GET")),
        account=an_account(),
        sequence=2,
        at=AT,
        record=a_record(),
    )

    assert event.url.startswith("https://example.com/cdr?key=1&event_id=evt_")
    assert "&event=call_end&sequence=2&call_id=call_1&" in event.url
    assert "&status=NOANSWER_CHANNEL2&reason=ring_timeout&" in event.url


def test_every_call_event_is_one_of_the_documented_ones(request: pytest.FixtureRequest) -> None:
    documented = (request.config.rootpath / "docs" / "webhooks.md").read_text()

    assert [event for event in CALL_EVENTS if f"`{event}`" not in documented] == []
