"""Flows of running calls: other parties, other systems, documents from elsewhere, variables and secrets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.integration.live_world import ACCOUNT, BRIDGE, CALLEE, FLOW, SECOND, LiveWorld, flow, menu

from ringback import _engine as en
from ringback.flow.nodes.date_time import _calendar
from ringback.live.capacity import Pool
from ringback.model.call import FlowTarget
from ringback.model.journal import EntryKind
from ringback.model.status import Status

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def a_server(handler: Handler) -> AsyncIterator[str]:
    """Serve `/` on loopback."""
    app = web.Application()
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _json(value: object, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(value, status=status)

    return handler


def _connect(**settings: Any) -> dict[str, Any]:
    return flow(
        agent={"type": "connect", "to": SECOND, **settings, "exits": {"failed": "sorry", "answered": "sorry"}},
        sorry={"type": "play", "prompt": {"text": "Sorry."}, "exits": {}},
    )


async def _caller_on(live: LiveWorld, document: dict[str, Any]) -> tuple[int, str]:
    """Let a caller land on a flow; return the carrier's leg and the call."""
    await live.use_flow(document)
    leg = await live.call_in()
    await live.until(lambda: live.exchange.parts.calls)
    return leg, live.only_call()


async def test_caller_talks_to_the_party_and_the_flow_goes_on_after_it(live: LiveWorld) -> None:
    leg, call_id = await _caller_on(live, _connect())
    invite = await live.invite()
    assert (SECOND in invite.to_uri, BRIDGE in invite.from_uri) == (True, True)
    assert live.exchange.parts.capacity.taken(Pool.ACCOUNT, ACCOUNT) == 2
    live.carrier.answer(invite.leg)
    await live.until(lambda: any(command[0] == "join" for command in live.engine.commands))

    live.carrier.hangup(invite.leg)
    await live.until(lambda: live.prompts.asked)
    assert live.exchange.parts.capacity.taken(Pool.ACCOUNT, ACCOUNT) == 1
    live.clock.advance(1)
    record = await live.ended(call_id)

    assert (record.verdict.status, record.reached) == (Status.FLOW_ANSWER, SECOND)
    assert (await live.hears(en.Ended, leg=leg)).cause == "bye"


async def test_party_that_is_busy_leads_back_to_the_flow(live: LiveWorld) -> None:
    leg, call_id = await _caller_on(live, _connect())

    live.carrier.reject((await live.invite()).leg, 486)
    await live.until(lambda: live.prompts.asked)
    live.carrier.hangup(leg)

    assert await live.status(call_id) is Status.FLOW_ANSWER
    done = [entry.data for entry in await live.entries(call_id) if entry.data.get("input") == "ConnectDone"]
    assert [data["result"] for data in done] == ["busy"]


@pytest.mark.parametrize("to", ["+33100000", "sip:agent@example.com", "+999123"])
async def test_party_without_a_route_fails_without_an_invite(live: LiveWorld, to: str) -> None:
    leg, call_id = await _caller_on(live, _connect(to=to))

    await live.until(lambda: live.prompts.asked)
    live.carrier.hangup(leg)

    assert await live.status(call_id) is Status.FLOW_ANSWER
    assert live.invites == []


async def test_party_is_not_called_without_a_channel(live: LiveWorld) -> None:
    await live.change_account(channels=1)
    leg, call_id = await _caller_on(live, _connect())

    await live.until(lambda: live.prompts.asked)
    live.carrier.hangup(leg)
    await live.ended(call_id)

    assert live.invites == []
    results = [entry.data for entry in await live.entries(call_id) if entry.kind is EntryKind.LEG_RESULT]
    assert [data["result"] for data in results] == ["no_channel"]


async def test_all_parties_at_once_the_first_to_answer_wins(live: LiveWorld) -> None:
    leg, call_id = await _caller_on(live, _connect(to=[CALLEE, SECOND], order="at_once"))
    first, second = await live.invite(1), await live.invite(2)

    live.carrier.answer(second.leg)
    lost = await live.hears(en.Ended, leg=first.leg)
    live.carrier.hangup(leg)
    record = await live.ended(call_id)

    assert (lost.cause, record.reached) == ("cancelled", SECOND)
    assert (await live.hears(en.Ended, leg=second.leg)).cause == "bye"


async def test_caller_who_leaves_takes_the_party_along(live: LiveWorld) -> None:
    leg, call_id = await _caller_on(live, _connect())
    invite = await live.invite()
    live.carrier.ring(invite.leg)
    await live.until(lambda: live.engine.stats()["ops"])

    live.carrier.hangup(leg)

    assert await live.status(call_id) is Status.FLOW_ANSWER
    assert (await live.hears(en.Ended, leg=invite.leg)).cause == "cancelled"


def _asks(url: str, **settings: Any) -> dict[str, Any]:
    document = flow(
        ask={
            "type": "api",
            "url": url,
            "save": {"who": "body.name"},
            **settings,
            "exits": {"success": "say", "failure": "no"},
        },
        say={"type": "play", "prompt": {"text": "Hello {{ who }}."}, "exits": {}},
        no={"type": "play", "prompt": {"text": "No reply."}, "exits": {}},
    )
    return {**document, "variables": {"who": {"type": "text"}}}


async def test_reply_of_another_system_is_spoken(live: LiveWorld) -> None:
    async with a_server(_json({"name": "Ada"})) as url:
        leg, call_id = await _caller_on(live, _asks(url))
        await live.until(lambda: live.prompts.asked)
        live.carrier.hangup(leg)
        await live.ended(call_id)

    assert [prompt.text for prompt in live.prompts.asked] == ["Hello Ada."]


async def test_server_error_is_tried_again_as_often_as_the_node_says(live: LiveWorld) -> None:
    asked = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"name": "Ada"}, status=200 if asked == 3 else 503)

    async with a_server(handler) as url:
        leg, call_id = await _caller_on(live, _asks(url, retries=2))
        await live.until(lambda: live.prompts.asked)
        live.carrier.hangup(leg)
        await live.ended(call_id)

    assert (asked, live.prompts.asked[0].text) == (3, "Hello Ada.")


async def test_reply_that_is_too_large_is_none(live: LiveWorld) -> None:
    async with a_server(_json({"name": "a" * 300_000})) as url:
        leg, call_id = await _caller_on(live, _asks(url))
        await live.until(lambda: live.prompts.asked)
        live.carrier.hangup(leg)
        await live.ended(call_id)

    errors = [entry.data["error"] for entry in await live.entries(call_id) if entry.data.get("input") == "HttpDone"]
    assert errors == ["the reply is larger than 262144 bytes"]
    assert live.prompts.asked[0].text == "No reply."


async def test_redirects_are_not_followed(live: LiveWorld) -> None:
    async def handler(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/")

    async with a_server(handler) as url:
        leg, call_id = await _caller_on(live, _asks(url))
        await live.until(lambda: live.prompts.asked)
        live.carrier.hangup(leg)
        await live.ended(call_id)

    codes = [
        entry.data["status_code"] for entry in await live.entries(call_id) if entry.data.get("input") == "HttpDone"
    ]
    assert codes == [302]


async def test_private_addresses_are_refused(live: LiveWorld) -> None:
    object.__setattr__(live.exchange.web, "_allow_private", False)
    asked = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"name": "Ada"})

    async with a_server(handler) as url:
        leg, call_id = await _caller_on(live, _asks(url))
        await live.until(lambda: live.prompts.asked)
        live.carrier.hangup(leg)
        await live.ended(call_id)

    assert asked == 0
    errors = [entry.data["error"] for entry in await live.entries(call_id) if entry.data.get("input") == "HttpDone"]
    assert "not a public address" in errors[0] or "not public" in errors[0]


async def test_secrets_are_masked_in_the_journal(live: LiveWorld) -> None:
    document = flow(pin={"type": "gather", "prompt": {"text": "PIN?"}, "max_digits": 4, "variable": "pin", "exits": {}})
    leg, call_id = await _caller_on(live, {**document, "variables": {"pin": {"type": "text", "secret": True}}})
    await live.until(lambda: live.engine.stats()["ops"])

    live.carrier.send_dtmf(leg, "4711")
    await live.ended(call_id)

    journal = msgspec.json.encode([entry.data for entry in await live.entries(call_id)])
    assert b"DigitsGathered" in journal
    assert b"4711" not in journal


async def test_request_variables_reach_the_flow(live: LiveWorld) -> None:
    document = flow(say={"type": "play", "prompt": {"text": "{{ name }} {{ call.to }}"}, "exits": {}})
    flow_id = await live.use_flow({**document, "variables": {"name": {"type": "text"}}})
    call_id = await live.place(target=FlowTarget(flow_id=flow_id), variables={"name": "Ada"})
    invite = await live.invite()
    await live.answers(invite)
    await live.until(lambda: live.prompts.asked)

    live.carrier.hangup(invite.leg)
    await live.ended(call_id)

    assert live.prompts.asked[0].text == f"Ada {CALLEE}"


async def test_prompt_that_cannot_be_made_does_not_cut_the_caller_off(live: LiveWorld) -> None:
    from ringback.speech.engine import SpeechFailed

    async def refuse(*_: object) -> None:
        raise SpeechFailed("no such language")

    live.prompts.resolve = refuse
    leg, call_id = await _caller_on(live, menu())
    reason = "the digits could not be collected: no such language"
    await live.until(lambda: [e for e in live.exchange.parts.calls[call_id].journal.entries if reason in str(e.data)])

    live.carrier.hangup(leg)

    assert await live.status(call_id) is Status.FLOW_ANSWER


async def test_calendars_of_published_flows_are_loaded_before_a_call_needs_them(live: LiveWorld) -> None:
    off = {"country": "IS"}
    day = {"type": "date_time", "time_zone": "UTC", "holidays": off, "exits": {"match": "bye", "no_match": "bye"}}
    _calendar.cache_clear()

    flow_id = await live.use_flow(flow(day=day, bye={"type": "hangup"}))

    assert live.exchange.directory.flow_in_force(ACCOUNT, flow_id)[1] is not None
    assert _calendar.cache_info().currsize == 1


async def test_prompt_that_the_engine_cannot_read_is_named_in_the_trail(live: LiveWorld) -> None:
    async def vanish(*_: object) -> list[Path]:
        return [Path("/nowhere/menu.wav")]

    live.prompts.resolve = vanish
    leg, call_id = await _caller_on(live, menu())
    journal = live.exchange.parts.calls[call_id].journal
    await live.until(lambda: [e for e in journal.entries if "/nowhere/menu.wav" in str(e.data.get("note"))])

    live.carrier.hangup(leg)

    assert await live.status(call_id) is Status.FLOW_ANSWER


async def test_remote_flow_is_fetched_and_pinned_by_its_hash(live: LiveWorld) -> None:
    async with a_server(_json(menu())) as url:
        call_id = await live.place(target=FlowTarget(url=url))
        invite = await live.invite()
        await live.answers(invite)
        await live.until(lambda: live.prompts.asked)
        live.carrier.hangup(invite.leg)
        record = await live.ended(call_id)

    admitted = next(entry for entry in await live.entries(call_id) if entry.kind is EntryKind.ADMITTED)
    assert (record.verdict.status, record.flow_id) == (Status.ANSWER, url)
    assert len(admitted.data["flow_version"]) == 64


@pytest.mark.parametrize("answer", ["error", "unsound", "silent", "large"])
async def test_remote_flow_that_does_not_come_is_unreachable(live: LiveWorld, answer: str) -> None:
    from asyncio import Event

    from ringback.model.account import CallDefaults

    await live.change_account(defaults=CallDefaults(remote_flow_ms=300))
    released = Event()

    async def silent(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    handlers = {
        "error": _json(menu(), status=500),
        "unsound": _json(flow(a={"type": "nonsense"})),
        "silent": silent,
        "large": _json({"name": "a" * 300_000}),
    }
    async with a_server(handlers[answer]) as url:
        record = await live.ended(await live.place(target=FlowTarget(url=url)))
        released.set()

    assert (record.verdict.status, record.verdict.reason) == (Status.FLOW_UNREACHABLE, "flow_unreachable")
    assert live.invites == []


async def test_remote_flow_is_not_asked_for_when_an_earlier_check_fails(live: LiveWorld) -> None:
    asked = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response(menu())

    await live.change_number(voice_out=False)
    async with a_server(handler) as url:
        status = await live.status(await live.place(target=FlowTarget(url=url)))

    assert (status, asked) == (Status.OUTGOING_RESTRICTED, 0)


async def test_cancel_while_the_remote_flow_is_fetched(live: LiveWorld) -> None:
    from asyncio import Event

    asked, released = Event(), Event()

    async def handler(_: web.Request) -> web.Response:
        asked.set()
        await released.wait()
        return web.json_response(menu())

    async with a_server(handler) as url:
        call_id = await live.place(target=FlowTarget(url=url))
        await asked.wait()
        await live.exchange.calls.hangup(ACCOUNT, call_id)
        status = await live.status(call_id)
        released.set()
        await live.until(lambda: len(live.exchange.parts.supervisor) == 0)

    assert status is Status.CANCEL
    assert live.invites == []


async def test_remote_flow_is_asked_for_again_on_leaving_the_queue(live: LiveWorld) -> None:
    await live.change_account(channels=1)
    first = await live.place(target=FlowTarget(flow_id=FLOW))
    invite = await live.invite()
    status, asked = 200, 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response(menu(), status=status)

    async with a_server(handler) as url:
        waiting = await live.place(target=FlowTarget(url=url))
        await live.until(lambda: live.state_of(waiting) == "queued")
        status = 500
        live.carrier.reject(invite.leg, 486)
        ended = await live.status(waiting)
    await live.ended(first)

    assert (ended, asked) == (Status.FLOW_UNREACHABLE, 2)
