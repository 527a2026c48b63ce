"""The native engine: SIP and RTP for one host.

This file is the contract between Python and Rust. Rust implements it, `stubtest` compares the two, and
`ringback.testing.FakeEngine` offers the same names for tests without a network.

How it is driven:

* Every method returns at once. It checks its arguments, queues a command for the engine's own threads and,
  where something will happen later, returns an id. What happened arrives as an event.
* Events are drained in batches. `fileno()` is an eventfd that becomes readable when there are events; put it
  into the loop with `add_reader` and call `drain()` until it returns an empty list.
* Rust never calls Python and never waits for it.

What is guaranteed:

* Events of one leg come in order.
* `Ended` comes exactly once for each leg, and is that leg's last event.
* Every operation (`play`, `gather`, `record`, `tone`, `send_dtmf`, `join`) ends with exactly one `OpDone` or
  `GatherDone`, at the latest just before the `Ended` of its leg.
* A command for a leg or operation that is already over does nothing and is counted in `stats()`.

Times named `at_ns` are `CLOCK_MONOTONIC` in nanoseconds, the clock of `time.monotonic_ns()`.
"""

from typing import Final, final

__version__: Final[str]

def build_info() -> dict[str, str]:
    """Return version, Rust profile and target of the compiled module."""

class EngineError(Exception):
    """The engine could not do what it was asked: the message says what, and what to do."""

class InvalidArgument(EngineError):
    """An argument was outside its range; the message names it and the range."""

class NotRunning(EngineError):
    """The engine was not started yet, or is stopped."""

class BindFailed(EngineError):
    """A listener could not be opened; the message names address and cause."""

@final
class EngineConfig:
    """What one engine needs to know at start. All times in milliseconds.

    Args:
        listen: One SIP listener or up to 16, `[transport:]host:port[@advertised]` each: transport `udp` (when left out),
            `tcp`, `tls`, `ws` or `wss`; port 0 takes a free one (see `Engine.local_addresses`); `advertised` is the
            `host` or `host:port` written into Via and Contact of this listener.
        advertised: `host` or `host:port` written into Via and Contact (NAT) of listeners without their own; a port is
            that of the first listener. None: the listener's own address.
        media_host: Local address of the RTP sockets. None: the listener's host.
        media_advertised: Address written into SDP. None: the host of `advertised`, else `media_host`.
        rtp_first_port: First port of the RTP range, even.
        rtp_last_port: Last port of the range; each leg takes an even/odd pair.
        media_shards: Media threads, 1-16.
        media_cpus: CPUs to bind the media threads to, one each, in turn; empty for no binding. None: the last ones, if
            the process has more than two for each media thread, so that Python keeps clear of them.
        media_realtime: Ask for a real-time priority for the media threads (needs CAP_SYS_NICE).
        media_timeout_ms: Silence from the far end, RTP expected, until `MediaLost`. 0 switches it off.
        tones: Country (ISO 3166, two letters) whose dial, ringback, busy and congestion tones `tone` plays by itself.
        t1_ms: RFC 3261 T1. Tests shrink it; every other SIP timer follows.
        decide_within_ms: An `Incoming` that Python has not touched for this long is answered 503 and ends
            with cause `overload`.
        max_legs: Legs at once; above it new INVITEs get 503 with Retry-After from Rust alone.
        max_incoming_per_s: New INVITEs per second from one source address, with a burst of the same size; above it 503.
        event_high_water: Events waiting for Python above which new INVITEs get 503.
        user_agent: Value of User-Agent and Server.
        trace: Report every SIP message as `Trace`.
        tls_certificates: PEM files of certificate chain and key for `tls` and `wss` listeners; the client's SNI chooses,
            the first serves every other name.
        tls_client_ca: PEM file: who connects must show a certificate that one of these vouches for.
        tls_ca: PEM file: gateways must show a certificate that one of these vouches for, good for the gateway's name.
            None: one of the system's roots.
        tls_client_certificate: PEM files of chain and key to show gateways that ask.
        ws_origins: Origins that browsers may connect from, `https://host`; empty for any.
        dns_servers: Name servers for gateways, `ip` or `ip:port`; empty for those of the system.
        max_connections: Connections opened to us at once; further ones are closed and counted.
        max_connections_per_source: The same from one address (IPv6: one /64).
    """

    def __new__(
        cls,
        *,
        listen: str | list[str] = "127.0.0.1:5060",
        advertised: str | None = None,
        media_host: str | None = None,
        media_advertised: str | None = None,
        rtp_first_port: int = 20000,
        rtp_last_port: int = 39999,
        media_shards: int = 1,
        media_cpus: list[int] | None = None,
        media_realtime: bool = True,
        media_timeout_ms: int = 30000,
        tones: str = "de",
        t1_ms: int = 500,
        decide_within_ms: int = 4000,
        max_legs: int = 4000,
        max_incoming_per_s: int = 1000,
        event_high_water: int = 50000,
        user_agent: str = "Ringback",
        trace: bool = False,
        tls_certificates: list[tuple[str, str]] = ...,
        tls_client_ca: str | None = None,
        tls_ca: str | None = None,
        tls_client_certificate: tuple[str, str] | None = None,
        ws_origins: list[str] = ...,
        dns_servers: list[str] = ...,
        max_connections: int = 4096,
        max_connections_per_source: int = 256,
    ) -> EngineConfig: ...

@final
class DialogPolicy:
    """How the dialogs of a trunk behave.

    Args:
        reliable: Provisional responses that are acknowledged (RFC 3262). `off`: neither offered nor accepted. `supported`:
            offered, and used towards callers who require it. `required`: demanded of who is called, and used towards
            callers who can.
        session_expires_s: Session interval to ask for (RFC 4028), 90-7200; 0 has a session timer only if the far end asks.
        delayed_offer: Dial without SDP: the far end offers, our ACK or PRACK answers.
        allow_transfer: REFER is handed up as `TransferRequested`, and Replaces may take calls over. Otherwise REFER is
            declined (603) and Replaces ignored: whoever transfers decides where a call goes and who pays.
    """

    def __new__(
        cls,
        *,
        reliable: str = "supported",
        session_expires_s: int = 0,
        delayed_offer: bool = False,
        allow_transfer: bool = False,
    ) -> DialogPolicy: ...

@final
class TrunkConfig:
    """One carrier as the engine sees it.

    Args:
        id: Our number for the trunk, unique in one `set_trunks`.
        username: Digest user, None for no authentication.
        password: Digest password. Never shown in `repr`.
        codecs: Order of preference out of `PCMA`, `PCMU`, `G722`, `OPUS` (the last only if the build has it).
        allow_redirects: Follow one 3xx, to those of its contacts that are the gateway itself, by `q`, at most five.
            Otherwise a 3xx ends the leg.
        dialog: How its dialogs behave; None for the defaults.
        max_incoming_per_s: New INVITEs per second over all sources of the trunk, with a burst of the same size; above it
            503. 0 is no limit.
        max_packets_per_s: Packets per second that all sources of the trunk share; above it they are dropped unread. 0 is
            no limit beyond that of each source.
        srtp: `off`; `optional` encrypts media where the far end can (keys within `RTP/AVP`); `required` offers
            `RTP/SAVP` and refuses media in the clear (cause `no_srtp`). RFC 3711, keys as in RFC 4568.
        dtmf: `auto` (telephone events where agreed, else tones within the audio) or `inband` (tones both ways, whatever
            the far end says of events; events that come anyway count, too).
        srtp_over_clear: Send those keys even where signaling is not encrypted (UDP, TCP, WS).
        transport: `auto` (what DNS says, else UDP), `udp`, `tcp` or `tls`.
        mtu_to_tcp: Send an INVITE of more than 1300 bytes over TCP, and over UDP all the same if TCP is refused (RFC 3261
            18.1.1).
        next_server_ms: When the gateway's name leads to several servers, go on to the next after this time without any
            response.
        registration: Register at the carrier, None for a trunk known by its address.
        ping: Gateways to watch by OPTIONS, None for none.
    """

    def __new__(
        cls,
        *,
        id: int,
        username: str | None = None,
        password: str | None = None,
        codecs: list[str] = ...,
        allow_redirects: bool = False,
        dialog: DialogPolicy | None = None,
        max_incoming_per_s: int = 0,
        max_packets_per_s: int = 0,
        srtp: str = "off",
        srtp_over_clear: bool = False,
        transport: str = "auto",
        mtu_to_tcp: bool = False,
        next_server_ms: int = 2000,
        dtmf: str = "auto",
        registration: RegistrationConfig | None = None,
        ping: PingConfig | None = None,
    ) -> TrunkConfig: ...

@final
class RegistrationConfig:
    """How a trunk registers at its carrier (RFC 3261 section 10.2). `Registration` events say how it stands.

    Refreshed after 80-90 % of the time granted; after a failure tried again with a growing wait of 15 s to 30 min, or
    as long as Retry-After says. Taken back when the trunk leaves the table and at `Engine.stop`.

    Args:
        registrar: URI of the registrar, a host without user: `sip:carrier.example` or `sip:10.0.0.1:5080`.
        user: User part of the address-of-record. Also the digest user if the trunk has no `username`.
        expires_s: What to ask for, 30-86400; the carrier may grant less, or ask for more (423).
        from_anywhere: An INVITE to the Contact we registered is the trunk's wherever it comes from. Otherwise its
            source must be in the access table. The Contact has a random user part that only the carrier knows.
    """

    def __new__(
        cls, *, registrar: str, user: str, expires_s: int = 600, from_anywhere: bool = False
    ) -> RegistrationConfig: ...

@final
class PingConfig:
    """Gateways of a trunk that are watched by OPTIONS. `TrunkState` events tell of changes; calls are not stopped.

    Any answer but 408 and 503 is a sign of life.

    Args:
        gateways: `host:port` each, at most 50.
        interval_ms: Between two OPTIONS, 100-3600000, give or take a tenth.
        timeout_ms: No answer within this is a miss, 50-60000.
        up_after: Answers in a row until a gateway that was down is up, 1-100.
        down_after: Misses in a row until it is down, 1-100. A 503 with Retry-After is enough by itself.
    """

    def __new__(
        cls,
        *,
        gateways: list[str],
        interval_ms: int = 30000,
        timeout_ms: int = 4000,
        up_after: int = 1,
        down_after: int = 2,
    ) -> PingConfig: ...

@final
class PhoneConfig:
    """A phone that may register: one address-of-record `sip:username@realm` with any number of devices.

    Args:
        id: Our number for the phone, unique in one `set_phones`.
        username: User part and digest user name.
        realm: Digest realm, a host name.
        ha1_md5: `MD5(username:realm:password)`, 32 lower-case hexadecimal digits. Never shown in `repr`.
        ha1_sha256: The same by SHA-256, 64 digits. At least one of the two is needed; with both, a phone chooses.
        max_contacts: Devices at once, 1-100; one more replaces the one heard longest ago.
        codecs: Order of preference, as for a trunk.
    """

    def __new__(
        cls,
        *,
        id: int,
        username: str,
        realm: str,
        ha1_md5: str | None = None,
        ha1_sha256: str | None = None,
        max_contacts: int = 5,
        codecs: list[str] = ...,
    ) -> PhoneConfig: ...

@final
class AccessRule:
    """A source whose INVITEs are calls of a trunk. The most specific rule wins; a rule with a port beats one without.

    Args:
        network: `10.1.0.0/16` or a single address.
        port: Source port, or None for any.
        trunk: Id of the trunk.
    """

    def __new__(cls, *, network: str, port: int | None = None, trunk: int) -> AccessRule: ...

@final
class DefenseConfig:
    """What the engine defends itself by, before a message is parsed. Whoever is dropped hears nothing.

    Args:
        stranger_packets_per_s: Packets per second of one source that no trunk names, with a burst of the same size;
            above it they are dropped. IPv6 sources count by /64, here as in the rest.
        known_packets_per_s: The same for one source of a trunk.
        ban_after: Failed authentications until a source is banned; 0 bans nobody. Sources of trunks are never banned.
        ban_window_s: Failures this far apart do not add up.
        ban_s: How long a ban lasts.
        scanners: Texts of 4-64 characters that give a scanner away, within the first 2 KB of a message of a source that
            no trunk names; capitals do not count. None takes the usual ones.
        allow: Networks that messages are taken from: `(listener, network)`, the listener by its place, None for all. A
            listener without any takes them from everywhere. Answers to our own requests are no exception.
        deny: Networks that they are not taken from, whatever `allow` says.
    """

    def __new__(
        cls,
        *,
        stranger_packets_per_s: int = 2000,
        known_packets_per_s: int = 100000,
        ban_after: int = 10,
        ban_window_s: int = 300,
        ban_s: int = 3600,
        scanners: list[str] | None = None,
        allow: list[tuple[int | None, str]] = ...,
        deny: list[tuple[int | None, str]] = ...,
    ) -> DefenseConfig: ...

@final
class Engine:
    """SIP and RTP for one host. Owns its sockets and threads; every method is thread-safe."""

    def __new__(cls, config: EngineConfig) -> Engine: ...
    def start(self) -> None:
        """Open the sockets and start the threads.

        Raises:
            BindFailed: the listener's address is taken or not ours.
        """
    def stop(self, *, grace_ms: int = 0) -> None:
        """End every leg (CANCEL, BYE, 480), wait at most `grace_ms` for their dialogs to close, stop the threads.

        Releases the GIL while it waits. Events stay drainable. A second call does nothing.
        """
    def fileno(self) -> int:
        """Return the eventfd that is readable while events wait."""
    def drain(self, max_events: int = 256) -> list[Event]:
        """Return waiting events in order; empty when there are none. Never blocks."""
    def local_address(self) -> str:
        """Return the `host:port` the first SIP listener is bound to."""
    def local_addresses(self) -> list[str]:
        """Return every listener as it is bound, `transport:host:port`, in the order of `listen`."""
    def reload_tls(self) -> None:
        """Read certificates, keys and CA files again; connections from now on use them. Waits for the disk.

        Raises:
            EngineError: They are not usable; the message says which and why, and the old ones stay in use.
        """
    def set_trunks(self, trunks: list[TrunkConfig]) -> None:
        """Replace the table of trunks. Legs in progress keep what they began with."""
    def set_access(self, rules: list[AccessRule]) -> None:
        """Replace the table of allowed sources. An INVITE from any other source gets 403 and is counted."""
    def set_phones(
        self,
        phones: list[PhoneConfig],
        *,
        min_expires_s: int = 60,
        max_expires_s: int = 3600,
        max_contacts: int = 50000,
        max_contacts_per_source: int = 1000,
        max_registers_per_s: int = 100,
        keepalive_s: int = 30,
    ) -> None:
        """Replace the table of phones that may register here, and what they are granted.

        Contacts stay, except those of phones that are gone or have another name or password. Without phones there is
        no registrar.

        Args:
            phones: At most 50,000.
            min_expires_s: A shorter wish is refused (423).
            max_expires_s: A longer wish is shortened to this.
            max_contacts: Contacts of all phones together; beyond it 503.
            max_contacts_per_source: Contacts registered from one address; beyond it 503.
            max_registers_per_s: REGISTERs of one source looked at per second; more are dropped and counted.
            keepalive_s: Between two OPTIONS to a contact behind NAT, 0 for none. Three without an answer remove it.

        Raises:
            InvalidArgument: an id or a name is given twice.
        """
    def set_accepting(self, accepting: bool) -> None:
        """Accept new incoming calls, or answer them 503 with Retry-After (draining before a stop)."""
    def set_defense(self, defense: DefenseConfig) -> None:
        """Replace what the engine defends itself by. Bans go on."""
    def bans(self) -> list[tuple[str, int]]:
        """Return the sources banned now (of IPv6 the /64) and the seconds left of each ban, longest first."""
    def ban(self, source: str, *, seconds: int) -> None:
        """Ban an address, for 1 second to 366 days. Sources of trunks go on being heard."""
    def lift_ban(self, source: str) -> None:
        """Lift the ban of an address and forget its failures. Does nothing for one that is not banned."""
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
        headers: list[tuple[str, str]] = ...,
    ) -> int:
        """Send an INVITE through one gateway and return the leg's id.

        `call_id` and `local_tag` are the caller's, so that they can be journalled before the INVITE leaves. The
        Via branch derives from them, so `end_dialog` can send a CANCEL even after a crash.

        Args:
            trunk: Id from `set_trunks`.
            gateway: `host:port` of the carrier, or a host alone: then NAPTR and SRV name servers and ports (RFC 3263), else
                5060, with TLS 5061. Looked up outside the receive path; of several servers the next is tried when one
                does not answer, and reported as `Tried`. Or `phone:<id>`: ring every
                device of a phone of `set_phones` as one leg (`trunk` says nothing then); the first answer wins. Without
                any device the leg ends with 480.
            to: Request-URI and To, `sip:+49...@host`.
            from_: From, `sip:+49...@host`.
            call_id: Call-ID header, token characters.
            local_tag: From tag, token characters.
            display_name: Display name of From.
            headers: Extra headers, at most 20, each at most 1,024 bytes (Identity 8,192). Those the engine owns (Via, CSeq, Contact ...) are refused.

        Raises:
            InvalidArgument: unknown trunk, malformed URI, header with line breaks.
        """
    def ring(self, leg: int) -> None:
        """Send 180 Ringing on an incoming leg. May be repeated."""
    def early_media(self, leg: int) -> None:
        """Send 183 Session Progress with our SDP on an incoming leg: the caller hears what is played before the answer."""
    def answer(self, leg: int) -> None:
        """Send 200 OK with our SDP on an incoming leg; `AnswerConfirmed` follows, or `Ended` with cause `no_ack`."""
    def reject(self, leg: int, code: int, *, reason: str | None = None) -> None:
        """Refuse an incoming leg with a final response 400-699; `reason` becomes the Reason header.

        Once 200 was sent this does nothing: use `hangup`.
        """
    def hangup(self, leg: int, *, q850: int | None = 16, reason: str | None = None) -> None:
        """End a leg in the way its state asks for: CANCEL, BYE, or 480 for an incoming leg not answered.

        CANCEL waits for the first provisional response. A 200 that crosses it gets ACK and BYE and is
        reported as `LateAnswer`. `q850` goes out as `Reason: Q.850;cause=...`, after `reason`, which holds values for
        other protocols as they are written (`SIP;cause=200;text="Call completed elsewhere"`, RFC 3326, at most 1,024
        bytes). May be repeated.
        """
    def hold(self, leg: int, on: bool) -> None:
        """Put the far end on hold (`sendonly`) or take it back; `HoldDone` says what became of it.

        By re-INVITE, or by UPDATE while the INVITE is open and its first offer answered. What cannot be asked yet waits;
        of two wishes the later counts. 491 is tried again after the back-off of RFC 3261 14.1, five times.
        """
    def refer(self, leg: int, to: str, *, replaces: int | None = None, referred_by: str | None = None) -> None:
        """Ask the far end to call `to` (REFER); `TransferProgress` tells how it goes, the last time with `is_final`.

        The leg goes on: hang it up when the transfer succeeded. One transfer at a time.

        Args:
            to: Whom to call, `sip:...`.
            replaces: A leg of ours whose far end is `to`: the new call takes its place (attended transfer).
            referred_by: URI for Referred-By (RFC 3892).
        """
    def accept_transfer(self, leg: int) -> None:
        """Let a transfer go ahead that `TransferRequested` reported: 202, and NOTIFY 100."""
    def reject_transfer(self, leg: int, code: int = 603) -> None:
        """Decline a transfer, 400-699. Undecided for 16 T1 (8 s) it is declined with 603."""
    def notify_transfer(self, leg: int, code: int) -> None:
        """Tell the far end how the call to its target goes, 100-699; from 200 on it is the last word.

        Without a last word for 180 s it is 408.
        """
    def end_dialog(self, dialog: str) -> None:
        """End a dialog known only from the journal, after a crash.

        Args:
            dialog: The `dialog` of `Incoming` or `Answered`, or for an INVITE without an answer the JSON object
                `{"role": "uac", "call_id", "local_tag", "local_uri", "remote_uri", "remote_target", "peer"}`, where
                `remote_target` is the Request-URI and `peer` the gateway as `ip:port`.

        A confirmed dialog gets BYE; an early one of ours gets CANCEL, and a 2xx that still comes gets ACK and
        BYE; an early one of theirs is answered 480 if the INVITE is repeated. The result is counted, not reported.
        """
    def play(self, leg: int, files: list[str], *, loop: int = 1, barge_in: bool = False, gain_db: float = 0.0) -> int:
        """Play WAV files one after another to a leg and return the operation's id.

        A new `play` or `tone` on the leg replaces the old one, which ends as `replaced`.

        Args:
            files: Paths of PCM16 mono WAV files, 8-48 kHz. Decoded once, cached, pre-encoded.
            loop: How often, 0 for endless.
            barge_in: A digit stops it (result `digit`).
            gain_db: -40 to 12.
        """
    def gather(
        self,
        leg: int,
        *,
        files: list[str] = ...,
        min_digits: int = 1,
        max_digits: int = 1,
        terminators: str = "#",
        first_timeout_ms: int = 5000,
        inter_timeout_ms: int = 3000,
        barge_in: bool = True,
    ) -> int:
        """Play a prompt and collect digits; `GatherDone` says what came. Digits typed ahead count.

        `first_timeout_ms` runs from the end of the prompt, `inter_timeout_ms` from each digit.
        """
    def record(
        self, leg: int, path: str, *, stereo: bool = True, max_ms: int = 3_600_000, silence_stop_ms: int = 0
    ) -> int:
        """Record a leg to a WAV file (PCM16, 8 kHz), valid after a crash. Stereo: left heard from, right sent to the far end."""
    def tone(self, leg: int, name: str, *, duration_ms: int = 0, country: str | None = None) -> int:
        """Play a signal of a telephone network (ITU-T E.180 supplement 2) or a beep; replaces a `play` or `tone`.

        Args:
            leg: Who hears it.
            name: `dial`, `ringback`, `busy`, `congestion`, `special_information` or `beep` (1000 Hz).
            duration_ms: 0 is endless for all but the beep, which then lasts 300 ms.
            country: `de us ca gb fr it es in au jp br nl ch at be pl se`; None for `EngineConfig.tones`.
        """
    def send_dtmf(self, leg: int, digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> int:
        """Send digits `0-9*#A-D` (RFC 4733); `,` pauses 500 ms."""
    def detect_machine(
        self,
        leg: int,
        *,
        initial_silence_ms: int = 4000,
        greeting_ms: int = 1800,
        after_silence_ms: int = 800,
        max_words: int = 6,
        total_ms: int = 8000,
        beep_timeout_ms: int = 30000,
    ) -> int:
        """Find out whether a person or a machine answered; `Machine` events say so. Replaces an older one on the leg.

        Ends `done` when nothing more will be known: after `human` or `unsure`, and after the `beep` of a machine;
        `limit` when a machine did not beep in time. Nothing else waits for it.

        Args:
            leg: Who is listened to, from its first packet on.
            initial_silence_ms: No word for this long: `unsure`. 500-15000.
            greeting_ms: A greeting at least this long is a machine's. 500-10000.
            after_silence_ms: This much silence after a shorter one means a person. 200-5000.
            max_words: More words than this are a machine's. 1-20.
            total_ms: `unsure` at the latest after this long. 1000-60000.
            beep_timeout_ms: How long to wait for a machine's beep (350-2600 Hz, 120-2500 ms); 0 for not at all.
        """
    def join(self, a: int, b: int) -> int:
        """Let two legs hear each other. Ends when either leg ends or on `stop_op`. Replaces playing on both legs."""
    def room(self, *, max_members: int = 100) -> int:
        """Open a conference room and return its id, with which `play`, `tone` and `record` (mono) work as with a leg's.

        Every member hears the others without itself; sums that are too loud are turned down, not cut. With more than
        eight voices only those who talk are added. At most 1000 rooms, of at most 200 members each.
        """
    def close_room(self, room: int) -> None:
        """Close a room: its members leave, and what plays and records there ends, all as `done`."""
    def join_room(self, room: int, leg: int, *, role: str = "talker", mute: bool = False, gain_db: float = 0.0) -> int:
        """Let a leg into a room. Replaces playing and any other talk on the leg.

        Ends `done` when the room is closed, `leg_ended` with the leg, `replaced` by the next talk; `failed` if the room is
        full or not there.

        Args:
            room: Where.
            leg: Who, on whatever media thread, with whatever codec.
            role: `talker`; `listener` (heard by nobody); `coached` (a talker who also hears those who whisper);
                `whisper` (hears all, heard by the coached alone).
            mute: Nobody hears it.
            gain_db: How much louder the others hear it, -40 to 12.
        """
    def mute(self, op: int, on: bool) -> None:
        """Let nobody hear the member with this operation, or let them again."""
    def set_role(self, op: int, role: str) -> None:
        """Change the role of a member."""
    def set_gain(self, op: int, gain_db: float) -> None:
        """Change how loud the others hear a member, -40 to 12 dB."""
    def tap(self, join: int, leg: int, *, mode: str = "monitor", to: int | None = None) -> int:
        """Let a supervisor's leg listen to a join, at most four at once. Replaces playing and any other talk on the leg.

        Ends `done` when the join is over.

        Args:
            join: The operation of the join.
            leg: The supervisor.
            mode: `monitor` (hears both, heard by nobody), `whisper` (heard by `to` alone) or `barge` (heard by both).
            to: Of a whisper: the leg of the join that hears it.
        """
    def set_tap(self, op: int, mode: str, *, to: int | None = None) -> None:
        """Change the mode of a tap while they talk."""
    def stream(
        self,
        leg: int,
        *,
        url: str,
        address: str | None = None,
        private_ok: bool = False,
        rate: int = 8000,
        direction: str = "both",
        metadata: str = "{}",
        connect_timeout_ms: int = 5000,
    ) -> int:
        """Exchange a leg's audio with a program over a WebSocket; `docs/streams.md` has the protocol.

        Replaces an older stream on the leg. What the program says is heard beside a talk, and waits while something plays.
        Ends `done` when the program ends it, `failed` (with detail) when it cannot be reached or breaks; there is no second
        try. At most 1000 at once.

        Args:
            leg: Whose audio.
            url: `ws://` or `wss://` (the system's roots; the certificate must be good for the URL's host).
            address: The IP address the host was resolved to; nothing is resolved here. May be left out if the host is one.
            private_ok: Allow an address that is not public.
            rate: 8000 or 16000 samples per second, PCM16, little endian.
            direction: `out` (leg to program), `in` or `both`.
            metadata: A JSON object for the `start` frame, at most 8192 bytes.
            connect_timeout_ms: Until the WebSocket is open, 100-30000.
        """
    def pause_recording(self, op: int, *, silence: bool = False) -> None:
        """Pause a recording: the time is cut out of it, or with `silence` stays in it without a sound."""
    def resume_recording(self, op: int) -> None:
        """Let a recording go on."""
    def stop_op(self, op: int) -> None:
        """Stop an operation; it ends with result `stopped`."""
    def stats(self) -> dict[str, int]:
        """Return counters and gauges: `legs`, `dialogs`, `transactions`, `media_ports`, `events_waiting`, `dropped_*`, `refused_*` ..."""

@final
class Incoming:
    """A new incoming call whose source matched a trunk. Untouched for `decide_within_ms` it ends as `overload`."""

    __match_args__ = ("leg", "trunk")
    leg: Final[int]
    at_ns: Final[int]
    trunk: Final[int]
    """Whose source or registered Contact it matched; 0 for a phone."""
    phone: Final[int | None]
    """The registered phone that calls, its password checked; None for a trunk."""
    source: Final[str]
    call_id: Final[str]
    request_uri: Final[str]
    to_uri: Final[str]
    from_uri: Final[str]
    headers: Final[list[tuple[str, str]]]
    """All headers as received, at most 100; bytes that are not UTF-8 are replaced."""
    codec_ok: Final[bool]
    """Whether the offer (or its absence) lets us answer with a codec of the trunk."""
    dialog: Final[str]
    """JSON for `end_dialog`."""
    replaces: Final[int | None]
    """The leg that this call takes the place of once it is answered (RFC 3891); that leg then ends by itself."""
    def __new__(
        cls,
        *,
        leg: int,
        at_ns: int,
        trunk: int,
        phone: int | None = None,
        source: str,
        call_id: str,
        request_uri: str,
        to_uri: str,
        from_uri: str,
        headers: list[tuple[str, str]],
        codec_ok: bool,
        dialog: str,
        replaces: int | None = None,
    ) -> Incoming: ...

@final
class Progress:
    """A provisional response 101-199 on a dialled leg (100 is reported too, with code 100)."""

    __match_args__ = ("leg", "code")
    leg: Final[int]
    at_ns: Final[int]
    code: Final[int]
    phrase: Final[str]
    early_media: Final[bool]
    """The response carried usable SDP; media flows from now on."""
    def __new__(cls, *, leg: int, at_ns: int, code: int, phrase: str, early_media: bool) -> Progress: ...

@final
class Tried:
    """One of several servers of the gateway did not take a dialled leg; the next is tried, with the same Call-ID and tag."""

    __match_args__ = ("leg", "target")
    leg: Final[int]
    at_ns: Final[int]
    target: Final[str]
    """Who was tried: `ip:port` over UDP, `tcp:ip:port` or `tls:ip:port`."""
    cause: Final[str]
    """`timeout` (no response within `next_server_ms` or Timer B), `transport`, or `response` (503)."""
    next: Final[str]
    code: Final[int | None]
    def __new__(cls, *, leg: int, at_ns: int, target: str, cause: str, next: str, code: int | None = None) -> Tried: ...

@final
class Answered:
    """A dialled leg was answered (2xx with usable SDP) and acknowledged."""

    __match_args__ = ("leg",)
    leg: Final[int]
    at_ns: Final[int]
    code: Final[int]
    phrase: Final[str]
    codec: Final[str]
    dialog: Final[str]
    def __new__(cls, *, leg: int, at_ns: int, code: int, phrase: str, codec: str, dialog: str) -> Answered: ...

@final
class AnswerConfirmed:
    """The caller of an incoming leg showed that it has our 200."""

    __match_args__ = ("leg", "how")
    leg: Final[int]
    at_ns: Final[int]
    how: Final[str]
    """`ack`, `request` (in-dialog request) or `rtp`."""
    codec: Final[str]
    def __new__(cls, *, leg: int, at_ns: int, how: str, codec: str) -> AnswerConfirmed: ...

@final
class LateAnswer:
    """A 2xx came after we had given the leg up; it was acknowledged and ended with BYE."""

    __match_args__ = ("leg",)
    leg: Final[int]
    at_ns: Final[int]
    code: Final[int]
    def __new__(cls, *, leg: int, at_ns: int, code: int) -> LateAnswer: ...

@final
class Ended:
    """The leg is over: dialog closed, media port free. Always the last event of a leg."""

    __match_args__ = ("leg", "cause")
    leg: Final[int]
    at_ns: Final[int]
    cause: Final[str]
    """How it ended:

    `response` dialled: a final response 3xx-6xx; incoming: our own; `cancelled` dialled: 487 or silence after our CANCEL;
    incoming: the caller's CANCEL; `bye` a BYE, see `side`; `timeout` no response at all (Timer B);
    `transport` the socket refused; `dns` the gateway's name did not resolve; `no_common_codec` answered, but with
    unusable SDP; `no_srtp` one side wants SRTP and the other cannot; `no_ack` our 200 was never acknowledged; `no_prack` our
    reliable provisional response never was (RFC 3262); `session_expired` nobody refreshed the session, or the far end has
    forgotten it (RFC 4028); `overload` Python did not decide in time;
    `no_media_port` the RTP range is exhausted; `stopped` the engine was stopped; `fault` a fault of our own.
    """
    side: Final[str]
    """Who did it: `remote`, `local` or `network` (nobody: time-outs, sockets)."""
    code: Final[int | None]
    """Final SIP status code, as received or sent."""
    phrase: Final[str | None]
    reason: Final[str | None]
    """Raw Reason header of the message that ended it, as received."""
    q850: Final[int | None]
    """Q.850 cause out of that header, 1-127."""
    retry_after_s: Final[int | None]
    def __new__(
        cls,
        *,
        leg: int,
        at_ns: int,
        cause: str,
        side: str,
        code: int | None = None,
        phrase: str | None = None,
        reason: str | None = None,
        q850: int | None = None,
        retry_after_s: int | None = None,
    ) -> Ended: ...

@final
class Dtmf:
    """The far end pressed a key; reported once for each press, whoever else consumed it."""

    __match_args__ = ("leg", "digit")
    leg: Final[int]
    at_ns: Final[int]
    digit: Final[str]
    duration_ms: Final[int]
    how: Final[str]
    """`rfc4733`, `info` or `inband` (tones within the audio, ITU-T Q.23: only where no telephone-event was agreed)."""
    def __new__(cls, *, leg: int, at_ns: int, digit: str, duration_ms: int, how: str) -> Dtmf: ...

@final
class Talking:
    """A member of a room began (`on`) or ceased to talk; at most 25 in a second for each room."""

    __match_args__ = ("room", "leg")
    room: Final[int]
    leg: Final[int]
    at_ns: Final[int]
    on: Final[bool]
    def __new__(cls, *, room: int, leg: int, at_ns: int, on: bool) -> Talking: ...

@final
class Machine:
    """A `detect_machine` knows something."""

    __match_args__ = ("op", "verdict")
    op: Final[int]
    leg: Final[int]
    at_ns: Final[int]
    verdict: Final[str]
    """`human`, `machine` or `unsure`, once; after `machine` perhaps `beep`: the beep is over and the machine records."""
    why: Final[str]
    """`short_greeting`, `long_greeting`, `many_words`, `beep`, `initial_silence` or `timeout`."""
    def __new__(cls, *, op: int, leg: int, at_ns: int, verdict: str, why: str) -> Machine: ...

@final
class OpDone:
    """An operation ended: `done`, `stopped`, `replaced`, `digit`, `silence`, `limit`, `leg_ended` or `failed`."""

    __match_args__ = ("op", "result")
    op: Final[int]
    leg: Final[int]
    at_ns: Final[int]
    result: Final[str]
    detail: Final[str | None]
    duration_ms: Final[int]
    def __new__(
        cls,
        *,
        op: int,
        leg: int,
        at_ns: int,
        result: str,
        detail: str | None = None,
        duration_ms: int,
    ) -> OpDone: ...

@final
class GatherDone:
    """A gather ended: `match` (max digits or terminator), `no_input`, `too_few`, `stopped`, `replaced`, `leg_ended` or `failed`."""

    __match_args__ = ("op", "digits")
    op: Final[int]
    leg: Final[int]
    at_ns: Final[int]
    digits: Final[str]
    """The digits without the terminator."""
    result: Final[str]
    terminator: Final[str | None]
    detail: Final[str | None]
    """For people, when it failed."""
    def __new__(
        cls,
        *,
        op: int,
        leg: int,
        at_ns: int,
        digits: str,
        result: str,
        terminator: str | None = None,
        detail: str | None = None,
    ) -> GatherDone: ...

@final
class MediaLost:
    """Nothing was received on an answered leg for `media_timeout_ms`; reported once until media comes back."""

    __match_args__ = ("leg",)
    leg: Final[int]
    at_ns: Final[int]
    def __new__(cls, *, leg: int, at_ns: int) -> MediaLost: ...

@final
class Held:
    """The far end put the leg on hold (`on`) or took it back."""

    __match_args__ = ("leg", "on")
    leg: Final[int]
    at_ns: Final[int]
    on: Final[bool]
    def __new__(cls, *, leg: int, at_ns: int, on: bool) -> Held: ...

@final
class TransferRequested:
    """The far end asks to be transferred: answer with `accept_transfer` or `reject_transfer`."""

    __match_args__ = ("leg", "target")
    leg: Final[int]
    at_ns: Final[int]
    target: Final[str]
    """Where to, a URI without headers. Not to be dialed as it is: only routes of the account may be used."""
    replaces: Final[int | None]
    """The leg of ours that the call there is to replace: attended transfer between two calls with us."""
    has_replaces: Final[bool]
    """The target names a dialog to be replaced, of ours or of somebody else."""
    referred_by: Final[str | None]
    def __new__(
        cls,
        *,
        leg: int,
        at_ns: int,
        target: str,
        replaces: int | None = None,
        has_replaces: bool = False,
        referred_by: str | None = None,
    ) -> TransferRequested: ...

@final
class TransferProgress:
    """How a transfer goes that `refer` asked for: the response to the REFER, then what its NOTIFYs tell."""

    __match_args__ = ("leg", "code")
    leg: Final[int]
    at_ns: Final[int]
    code: Final[int]
    phrase: Final[str]
    is_final: Final[bool]
    """Nothing more will be told; 200-299 means that the target answered."""
    def __new__(cls, *, leg: int, at_ns: int, code: int, phrase: str, is_final: bool) -> TransferProgress: ...

@final
class HoldDone:
    """What became of a `hold`. The call goes on whatever it is; a far end that is gone ends it as `session_expired`."""

    __match_args__ = ("leg", "on")
    leg: Final[int]
    at_ns: Final[int]
    on: Final[bool]
    code: Final[int]
    """Final status of the request: 200-299 agreed; 408 also where none came; 488 also for an unusable answer."""
    def __new__(cls, *, leg: int, at_ns: int, on: bool, code: int) -> HoldDone: ...

@final
class LegStats:
    """Media figures of a leg, reported once, just before `Ended`, if it had media."""

    __match_args__ = ("leg",)
    leg: Final[int]
    at_ns: Final[int]
    codec: Final[str]
    packets_sent: Final[int]
    packets_received: Final[int]
    packets_lost: Final[int]
    """Expected by sequence number, but never received."""
    jitter_ms: Final[float]
    """Interarrival jitter, RFC 3550 A.8."""
    round_trip_ms: Final[float | None]
    packets_late: Final[int]
    """Came after their turn and were not played."""
    concealed_ms: Final[int]
    """Audio made up in place of what did not come in time."""
    jitter_max_ms: Final[float]
    loss_percent: Final[float]
    """Of the packets of the far end, how many never came."""
    remote_loss_percent: Final[float | None]
    """Of ours, as the far end reported last (RTCP)."""
    mos: Final[float | None]
    """Mean opinion score of what was received, 1 to 4.5, estimated by the E-model (ITU-T G.107)."""
    def __new__(
        cls,
        *,
        leg: int,
        at_ns: int,
        codec: str,
        packets_sent: int,
        packets_received: int,
        packets_lost: int,
        jitter_ms: float,
        round_trip_ms: float | None = None,
        packets_late: int = 0,
        concealed_ms: int = 0,
        jitter_max_ms: float = 0.0,
        loss_percent: float = 0.0,
        remote_loss_percent: float | None = None,
        mos: float | None = None,
    ) -> LegStats: ...

@final
class PhoneRegistered:
    """A phone registered a contact or refreshed it. Repeated, so dropped (and counted) when Python is far behind."""

    __match_args__ = ("phone", "contact")
    phone: Final[int]
    at_ns: Final[int]
    contact: Final[str]
    """Contact URI."""
    expires_s: Final[int]
    source: Final[str]
    """`host:port` the REGISTER came from, with the transport in front if it is not UDP."""
    user_agent: Final[str | None]
    def __new__(
        cls, *, phone: int, at_ns: int, contact: str, expires_s: int, source: str, user_agent: str | None = None
    ) -> PhoneRegistered: ...

@final
class PhoneGone:
    """A contact of a phone is gone: `removed` by the phone, `expired`, `unreachable` (no answer to our OPTIONS),
    `disconnected` (its connection closed), `replaced` (one too many), `revoked` (not in the table any more).
    """

    __match_args__ = ("phone", "contact")
    phone: Final[int]
    at_ns: Final[int]
    contact: Final[str]
    why: Final[str]
    def __new__(cls, *, phone: int, at_ns: int, contact: str, why: str) -> PhoneGone: ...

@final
class Registration:
    """How a trunk's registration stands: `registered`, `refused` (3xx, 4xx, 6xx), `failed` (no answer, 5xx) or
    `unregistered` (taken back). One for each answer, refreshes too.
    """

    __match_args__ = ("trunk", "state")
    trunk: Final[int]
    at_ns: Final[int]
    state: Final[str]
    code: Final[int | None]
    """None if no answer came."""
    phrase: Final[str | None]
    expires_s: Final[int]
    """Granted; 0 unless registered."""
    def __new__(
        cls,
        *,
        trunk: int,
        at_ns: int,
        state: str,
        code: int | None = None,
        phrase: str | None = None,
        expires_s: int,
    ) -> Registration: ...

@final
class TrunkState:
    """A watched gateway came up or went down; also the first that is known of it."""

    __match_args__ = ("trunk", "up")
    trunk: Final[int]
    at_ns: Final[int]
    gateway: Final[str]
    """As given in `PingConfig`."""
    up: Final[bool]
    code: Final[int | None]
    """Of the last answer; None if none came."""
    round_trip_ms: Final[float | None]
    def __new__(
        cls,
        *,
        trunk: int,
        at_ns: int,
        gateway: str,
        up: bool,
        code: int | None = None,
        round_trip_ms: float | None = None,
    ) -> TrunkState: ...

@final
class Overload:
    """The engine began (`on`) or ceased to refuse new calls by itself; `why` names the limit.

    `events`: Python is behind (`event_high_water`); `max_legs`; `rate`: one source calls too fast; `signaling`: more
    datagrams come than can be read; `media`: the media threads cannot keep time.
    """

    __match_args__ = ("on", "why")
    at_ns: Final[int]
    on: Final[bool]
    why: Final[str]
    def __new__(cls, *, at_ns: int, on: bool, why: str) -> Overload: ...

@final
class Fault:
    """A fault of the engine itself; the leg named (if any) is ended with cause `fault`."""

    __match_args__ = ("what",)
    at_ns: Final[int]
    what: Final[str]
    leg: Final[int | None]
    def __new__(cls, *, at_ns: int, what: str, leg: int | None = None) -> Fault: ...

@final
class Trace:
    """One SIP message as sent or received (with `trace` on)."""

    __match_args__ = ("leg", "direction")
    at_ns: Final[int]
    leg: Final[int | None]
    direction: Final[str]
    """`sent` or `received`."""
    peer: Final[str]
    message: Final[bytes]
    def __new__(cls, *, at_ns: int, leg: int | None = None, direction: str, peer: str, message: bytes) -> Trace: ...

Event = (
    Incoming
    | Progress
    | Tried
    | Answered
    | AnswerConfirmed
    | LateAnswer
    | Ended
    | Dtmf
    | Talking
    | Machine
    | OpDone
    | GatherDone
    | MediaLost
    | Held
    | TransferRequested
    | TransferProgress
    | HoldDone
    | LegStats
    | PhoneRegistered
    | PhoneGone
    | Registration
    | TrunkState
    | Overload
    | Fault
    | Trace
)
