"""Legs of the fake engine: two or more of them joined by a wire in memory."""

import ast
import itertools
import json
from typing import Any

from ringback import _engine as en
from ringback.live.clock import Clock
from ringback.model.sip.reason import parse_reasons
from ringback.testing.fake_clock import FakeClock
from ringback.testing.fake_events import FakeEvents
from ringback.testing.fake_media import FakeMedia

_INCOMING_IDS = 1 << 40
"""Ids of incoming legs begin here, as in the real engine."""

_MOST_HEADERS = 20
_OWN_HEADERS = frozenset({"via", "cseq", "contact", "call-id", "from", "to", "max-forwards", "content-length"})
_FIRST_REFUSAL, _LAST_REFUSAL = 400, 699

_PHRASES = {
    403: "Forbidden",
    404: "Not Found",
    433: "Anonymity Disallowed",
    480: "Temporarily Unavailable",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}


class FakeLeg:
    """One end of a call. `state`: calling, answered, ended."""

    def __init__(self, leg_id: int, *, is_incoming: bool, call_id: str) -> None:
        self.id = leg_id
        self.is_incoming = is_incoming
        self.call_id = call_id
        self.state = "calling"
        self.peer: tuple[FakeSignaling, FakeLeg] | None = None
        self.ack_is_lost = False
        self.holds = False
        self.transfer = ""  # asked, accepted: what became of the far end's REFER
        self.rang = 0


class FakeNetwork:
    """The wire: which fake engine listens where."""

    def __init__(self) -> None:
        self._engines: dict[str, FakeSignaling] = {}
        self._ports = itertools.count(40_000)

    def listen(self, engine: "FakeSignaling", address: str) -> str:
        """Give an engine its address; port 0 takes a free one."""
        host, _, port = address.rpartition(":")
        taken = f"{host}:{next(self._ports)}" if port == "0" else address
        if taken in self._engines:
            raise en.BindFailed(f"{taken}: address already in use")
        self._engines[taken] = engine
        return taken

    def at(self, address: str) -> "FakeSignaling | None":
        """Return who listens there."""
        return self._engines.get(address)

    def leave(self, address: str) -> None:
        """Forget who listens there."""
        self._engines.pop(address, None)


def fields(value: object) -> dict[str, Any]:
    """Return the arguments a native settings object was made with, as far as its `repr` shows them."""
    parsed = ast.parse(repr(value), mode="eval").body
    assert isinstance(parsed, ast.Call)  # noqa: S101  every one of them is shown as a call
    return {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in parsed.keywords}


class FakeListener:
    """Where a fake engine listens."""

    _address: str

    def local_address(self) -> str:
        """Return where it listens."""
        return self._address

    def local_addresses(self) -> list[str]:
        """Return where it listens, as the only listener."""
        return [f"udp:{self._address}"]

    def reload_tls(self) -> None:
        """Do nothing: there is no TLS in memory."""


class FakeSignaling(FakeListener, FakeEvents):
    """Dialing, answering, ending. `commands` keeps what was asked for, `ended_dialogs` what `end_dialog` was given."""

    def __init__(self, config: object | None, network: FakeNetwork | None, clock: Clock | None) -> None:
        super().__init__(clock or FakeClock())
        self.network = network or FakeNetwork()
        self.ended_dialogs: list[str] = []
        self.commands: list[tuple[Any, ...]] = []
        self.counters = {"stale_commands": 0, "refused_unknown_source": 0, "refused_gate": 0}
        listen = fields(config or en.EngineConfig())["listen"]
        self._listen = listen if isinstance(listen, str) else listen[0]
        self._address = ""
        self._is_stopped = False
        self._accepting = True
        self._trunks: set[int] = set()
        self._access: list[dict[str, Any]] = []
        self._legs: dict[int, FakeLeg] = {}
        self._dialed_ids = itertools.count(1)
        self._incoming_ids = itertools.count(_INCOMING_IDS)
        self._media = FakeMedia(self)

    def start(self) -> None:
        """Listen."""
        self._address = self.network.listen(self, self._listen)

    def stop(self, *, grace_ms: int = 0) -> None:
        """End every leg."""
        del grace_ms
        if self._is_stopped:
            return
        for leg in tuple(self._legs.values()):
            self._leave(leg, cause="stopped")
        self._is_stopped = True
        self.network.leave(self._address)

    # Tables.

    def set_trunks(self, trunks: list[Any]) -> None:
        """Replace the trunks."""
        self._trunks = {fields(trunk)["id"] for trunk in trunks}

    def set_access(self, rules: list[Any]) -> None:
        """Replace the sources."""
        self._access = [fields(rule) for rule in rules]

    def set_accepting(self, accepting: bool) -> None:  # noqa: FBT001  (the engine's signature)
        """Accept new incoming calls, or answer them 503."""
        self._accepting = accepting

    # Legs.

    def dial(
        self,
        *,
        trunk: int,
        gateway: str,
        to: str,
        from_: str,
        call_id: str,
        local_tag: str,
        display_name: str | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> int:
        """Send an INVITE over the wire."""
        del local_tag, display_name
        self._check_running()
        self._check_dial(trunk, to, from_, headers or [])
        leg = FakeLeg(next(self._dialed_ids), is_incoming=False, call_id=call_id)
        self._legs[leg.id] = leg
        self.commands.append(("dial", leg.id, to, gateway))
        far = self.network.at(gateway)
        if far is None:
            self._end(leg, cause="timeout", side="network")
            return leg.id
        self.emit(en.Progress(leg=leg.id, at_ns=self.now_ns(), code=100, phrase="Trying", early_media=False))
        refusal = far.invited((self, leg), to=to, from_=from_, call_id=call_id, headers=headers or [])
        if refusal:
            self._end(leg, cause="response", side="remote", code=refusal, phrase=_PHRASES.get(refusal))
        return leg.id

    def invited(
        self,
        caller: "tuple[FakeSignaling, FakeLeg]",
        *,
        to: str,
        from_: str,
        call_id: str,
        headers: list[tuple[str, str]],
    ) -> int:
        """Take an INVITE from the wire; return the code of a refusal, 0 for none."""
        source = caller[0].local_address()
        rule = next((rule for rule in self._rules() if _matches(rule, source)), None)
        if rule is None:
            self.counters["refused_unknown_source"] += 1
            return 403
        if not self._accepting or self._is_stopped:
            self.counters["refused_gate"] += 1
            return 503
        leg = FakeLeg(next(self._incoming_ids), is_incoming=True, call_id=call_id)
        leg.peer = caller
        caller[1].peer = (self, leg)
        self._legs[leg.id] = leg
        self.emit(
            en.Incoming(
                leg=leg.id,
                at_ns=self.now_ns(),
                trunk=rule["trunk"],
                source=source,
                call_id=call_id,
                request_uri=to,
                to_uri=to,
                from_uri=from_,
                headers=headers,
                codec_ok=True,
                dialog=self._dialog(leg, "uas"),
            )
        )
        return 0

    def ring(self, leg: int) -> None:
        """Send 180."""
        self._provisional(leg, 180, "Ringing", early_media=False)

    def early_media(self, leg: int) -> None:
        """Send 183 with SDP."""
        self._provisional(leg, 183, "Session Progress", early_media=True)

    def answer(self, leg: int) -> None:
        """Send 200; the far end acknowledges at once unless its ACK was lost (`lose_ack`)."""
        ours = self._command("answer", leg)
        if ours is None or not ours.is_incoming or ours.state != "calling" or ours.peer is None:
            return
        ours.state = "answered"
        engine, theirs = ours.peer
        theirs.state = "answered"
        dialog = engine._dialog(theirs, "uac")  # noqa: SLF001  (its own kind)
        engine.emit(
            en.Answered(leg=theirs.id, at_ns=engine.now_ns(), code=200, phrase="OK", codec="PCMA", dialog=dialog)
        )
        if theirs.ack_is_lost:
            self._end(ours, cause="no_ack", side="network")
            engine._end(theirs, cause="bye", side="remote")  # noqa: SLF001
        else:
            self.emit(en.AnswerConfirmed(leg=ours.id, at_ns=self.now_ns(), how="ack", codec="PCMA"))

    def reject(self, leg: int, code: int, *, reason: str | None = None) -> None:
        """Refuse an incoming leg."""
        if not _FIRST_REFUSAL <= code <= _LAST_REFUSAL:
            raise en.InvalidArgument(f"code: {code} is outside {_FIRST_REFUSAL}-{_LAST_REFUSAL}")
        ours = self._command("reject", leg)
        if ours is None or not ours.is_incoming or ours.state != "calling":
            return
        phrase = _PHRASES.get(code, "Refused")
        self._end(ours, cause="response", side="local", code=code, phrase=phrase)
        if ours.peer is not None:
            engine, theirs = ours.peer
            engine._end(  # noqa: SLF001
                theirs, cause="response", side="remote", code=code, phrase=phrase, reason=reason, q850=_q850(reason)
            )

    def hangup(self, leg: int, *, q850: int | None = 16, reason: str | None = None) -> None:
        """End a leg in the way its state asks for."""
        ours = self._command("hangup", leg)
        if ours is None:
            return
        q850_text = None if q850 is None else f"Q.850;cause={q850}"
        text = ", ".join(filter(None, (reason, q850_text))) or None
        if ours.is_incoming and ours.state == "calling":
            self.reject(leg, 480)
            return
        self._leave(ours, cause="bye" if ours.state == "answered" else "cancelled", reason=text)

    def end_dialog(self, dialog: str) -> None:
        """End a dialog known from the journal; on this wire the far end's leg of that Call-ID."""
        self._check_running()
        self.ended_dialogs.append(dialog)
        known = json.loads(dialog)
        far = self.network.at(known.get("peer", ""))
        if far is not None:
            far._end_call(known["call_id"])  # noqa: SLF001

    # The inside.

    def leg(self, leg: int) -> FakeLeg | None:
        """Return a leg that is not over."""
        return self._legs.get(leg)

    def _rules(self) -> list[dict[str, Any]]:
        return sorted(self._access, key=lambda rule: rule["port"] is None)

    def _check_running(self) -> None:
        if not self._address:
            raise en.NotRunning("the engine was not started; call start() first")
        if self._is_stopped:
            raise en.NotRunning("the engine is stopped; make a new Engine")

    def _check_dial(self, trunk: int, to: str, from_: str, headers: list[tuple[str, str]]) -> None:
        if trunk not in self._trunks:
            raise en.InvalidArgument(f"trunk: {trunk} was never given to set_trunks")
        for name, uri in (("to", to), ("from_", from_)):
            if not uri.startswith("sip:") or "@" not in uri:
                raise en.InvalidArgument(f'{name}: "{uri}" is not a SIP URI like sip:+49301234@host')
        if len(headers) > _MOST_HEADERS:
            raise en.InvalidArgument(f"headers: at most {_MOST_HEADERS}")
        for name, value in headers:
            if name.lower() in _OWN_HEADERS:
                raise en.InvalidArgument(f"headers: {name} is written by the engine itself")
            if "\r" in value or "\n" in value:
                raise en.InvalidArgument(f"headers: {name} has a line break")

    def _command(self, name: str, leg: int) -> FakeLeg | None:
        self._check_running()
        self.commands.append((name, leg))
        found = self._legs.get(leg)
        if found is None:
            self.counters["stale_commands"] += 1
        return found

    def _provisional(self, leg: int, code: int, phrase: str, *, early_media: bool) -> None:
        ours = self._command("ring", leg)
        if ours is None or not ours.is_incoming or ours.state != "calling" or ours.peer is None:
            return
        engine, theirs = ours.peer
        ours.rang += 1
        engine.emit(
            en.Progress(leg=theirs.id, at_ns=engine.now_ns(), code=code, phrase=phrase, early_media=early_media)
        )

    def _leave(self, ours: FakeLeg, *, cause: str, reason: str | None = None) -> None:
        """End a leg from this side; the far end hears of it."""
        was_answered = ours.state == "answered"
        code = 487 if cause == "cancelled" else None
        self._end(ours, cause=cause, side="local", code=code, phrase=_PHRASES.get(code or 0))
        if ours.peer is None:
            return
        engine, theirs = ours.peer
        q850 = _q850(reason)
        if was_answered:
            engine._end(theirs, cause="bye", side="remote", reason=reason, q850=q850)  # noqa: SLF001
        elif theirs.is_incoming:
            engine._end(  # noqa: SLF001
                theirs, cause="cancelled", side="remote", code=487, phrase=_PHRASES[487], reason=reason, q850=q850
            )
        else:
            engine._end(theirs, cause="response", side="remote", code=480, phrase=_PHRASES[480])  # noqa: SLF001

    def _end(self, leg: FakeLeg, **how: Any) -> None:
        """Report the end of a leg, once: its operations, its figures, `Ended`."""
        if self._legs.pop(leg.id, None) is None:
            return
        had_media = leg.state == "answered"
        leg.state = "ended"
        self._media.leg_ended(leg.id)
        now = self.now_ns()
        if had_media:
            self.emit(
                en.LegStats(
                    leg=leg.id,
                    at_ns=now,
                    codec="PCMA",
                    packets_sent=50,
                    packets_received=50,
                    packets_lost=0,
                    jitter_ms=0.0,
                    mos=4.4,
                )
            )
        self.emit(en.Ended(leg=leg.id, at_ns=now, **how))

    def _end_call(self, call_id: str) -> None:
        for leg in tuple(self._legs.values()):
            if leg.call_id == call_id:
                cause = "bye" if leg.state == "answered" else "cancelled"
                self._end(leg, cause=cause, side="remote")

    def _dialog(self, leg: FakeLeg, role: str) -> str:
        peer = leg.peer[0].local_address() if leg.peer else ""
        return json.dumps({"role": role, "call_id": leg.call_id, "peer": peer})


def _matches(rule: dict[str, Any], source: str) -> bool:
    host, _, port = source.rpartition(":")
    return rule["network"].split("/")[0] == host and rule["port"] in (None, int(port))


def _q850(reason: str | None) -> int | None:
    return next((item.cause for item in parse_reasons(reason or "") if item.protocol == "Q.850"), None)
