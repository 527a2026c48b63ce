"""Caller identity through the whole running side: from the trunk's policy to the wire, from the wire to the API."""

from typing import Any

from tests.integration.live_world import BRIDGE, CALLEE, CALLER, SECOND, LiveWorld, flow

from ringback import _engine as en
from ringback.api.views import view_call
from ringback.model.sip.facts import Diversion
from ringback.model.sip.header_rules import HeaderRule, HeaderRules
from ringback.model.sip.identity import IdentityPolicy, NumberFormat
from ringback.model.sip.reason import ELSEWHERE
from ringback.webhook.events import announcement

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0.c2ln;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken"


async def _call_in(live: LiveWorld, *headers: tuple[str, str], to: str = BRIDGE) -> Any:
    live.carrier.dial(
        trunk=1,
        gateway="127.0.0.1:5060",
        to=f"sip:{to}@127.0.0.1",
        from_=f"sip:{CALLER}@127.0.0.1",
        call_id="in",
        local_tag="tag",
        headers=list(headers),
    )
    await live.until(lambda: live.exchange.parts.calls)
    return next(iter(live.exchange.parts.calls.values())).request


async def test_invite_names_the_caller_as_the_trunk_wants(live: LiveWorld) -> None:
    await live.change_trunk(
        identity=IdentityPolicy(
            carry_in=("P-Asserted-Identity",),
            from_host="voice.example",
            display_name="Shop",
            sends=NumberFormat(style="national", region="DE"),
        ),
        header_rules=HeaderRules(outgoing=(HeaderRule(action="add", name="X-Call", value="{call_id}/{account}/{to}"),)),
    )
    call_id = await live.place(identity=TOKEN)

    invite = await live.invite()

    caller = f"sip:0{BRIDGE.removeprefix('+49')}@voice.example"
    assert invite.request_uri == f"sip:0{CALLEE.removeprefix('+49')}@127.0.0.1"
    assert invite.from_uri == caller
    assert invite.headers == [
        ("P-Asserted-Identity", f"<{caller}>"),
        ("Identity", TOKEN),
        ("X-Call", f"{call_id}/{live.exchange.parts.calls[call_id].account.sid}/{CALLEE}"),
    ]


async def test_anonymous_call_withholds_its_number_on_every_leg(live: LiveWorld) -> None:
    await live.change_trunk(identity=IdentityPolicy(carry_in=("P-Asserted-Identity",)))
    await live.pair(anonymous=True)
    first = await live.invite()
    await live.answers(first)
    second = await live.invite(2)

    for invite in (first, second):
        assert invite.from_uri == "sip:anonymous@anonymous.invalid"
        assert invite.headers == [("P-Asserted-Identity", f"<sip:{BRIDGE}@127.0.0.1>"), ("Privacy", "id")]


async def test_facts_of_an_incoming_call_reach_api_and_webhooks(live: LiveWorld) -> None:
    request = await _call_in(
        live,
        ("P-Asserted-Identity", '"Doe" <sip:+4915133;verstat=TN-Validation-Passed@x>'),
        ("Diversion", "<sip:+493077777@x>;reason=unconditional"),
        ("Identity", TOKEN),
    )
    row = await live.until(lambda: request.facts)

    assert request.from_ == "+4915133"
    assert (row.display_name, row.verstat, row.identity) == ("Doe", "TN-Validation-Passed", (TOKEN,))
    assert row.diversions == (Diversion(number="+493077777", reason="unconditional"),)
    await live.written()
    stored = await live.database.repositories.calls.get(request.account, request.id)
    assert stored is not None
    assert view_call(stored).facts == row
    masked = view_call(stored, masked=True).facts
    assert masked is not None
    assert (masked.display_name, masked.identity, masked.diversions[0].number) == (None, (), "******7777")
    account = live.exchange.parts.calls[request.id].account
    [event] = announcement(
        "call_start",
        request=request,
        account=type(account)(sid=account.sid, name="", webhook_url="http://hook.example"),
        sequence=1,
        at=live.clock.now(),
    )
    assert TOKEN in event.payload


async def test_caller_who_withholds_is_let_in_only_where_the_number_allows_it(live: LiveWorld) -> None:
    privacy = (("P-Asserted-Identity", "<sip:+4915133@x>"), ("Privacy", "id"))

    request = await _call_in(live, *privacy)
    record = await live.ended(request.id)

    assert record.verdict.status == "NO_INCOMING_CLI"
    assert (record.from_, request.facts.is_anonymous, request.facts.asserted) == ("", True, ())


async def test_rules_and_formats_of_the_trunk_come_before_the_numbers_are_read(live: LiveWorld) -> None:
    await live.change_trunk(
        identity=IdentityPolicy(reads=NumberFormat(style="national", region="DE")),
        header_rules=HeaderRules(incoming=(HeaderRule(action="rename", name="X-Caller", to="P-Asserted-Identity"),)),
    )

    request = await _call_in(live, ("X-Caller", "<sip:030123456@x>"), to=f"0{BRIDGE.removeprefix('+49')}")

    assert (request.to, request.from_) == (BRIDGE, "+4930123456")


async def test_party_not_chosen_is_told_that_the_call_was_completed_elsewhere(live: LiveWorld) -> None:
    await live.use_flow(flow(agent={"type": "connect", "to": [CALLEE, SECOND], "order": "at_once", "exits": {}}))
    await live.call_in()
    first, second = await live.invite(), await live.invite(2)

    await live.answers(second)
    ended = await live.hears(en.Ended, leg=first.leg)

    assert ended.reason == f"{ELSEWHERE}, Q.850;cause=26"
