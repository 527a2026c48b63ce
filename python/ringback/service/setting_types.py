"""What can be set. Every name is described in `docs/settings.md`; `ringback.service.settings` reads the file."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from ringback.model.access import Scope
from ringback.model.account import CallDefaults, CallingHours
from ringback.model.errors import LocalError
from ringback.model.sip.dialog import DialogPolicy
from ringback.model.sip.header_rules import HeaderRules
from ringback.model.sip.identity import IdentityPolicy
from ringback.model.sip.limits import TrunkLimits
from ringback.model.sip.registration import TrunkRegistration, User
from ringback.model.tones import TONE_COUNTRIES
from ringback.model.trunk import OutcomeOverride
from ringback.service.defense import DefenseSettings

Port = Annotated[int, Meta(ge=1, le=65535)]
Millis = Annotated[int, Meta(ge=0, le=86_400_000)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Address = Annotated[str, Meta(pattern=r"^\S+:\d{1,5}$", max_length=300)]
"""`host:port`; port 0 takes a free one."""

Number = Annotated[str, Meta(pattern=r"^\+[0-9]{3,20}$")]
"""E.164 with leading `+`."""

PingSeconds = Annotated[float, Meta(ge=0, le=3600)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_.-]+$")]
ToneCountry = Annotated[str, Meta(pattern=f"^({'|'.join(TONE_COUNTRIES)})$")]


class SettingsError(LocalError):
    """The settings cannot be used. The message says which file or variable, which setting, and what it may be."""

    slug: ClassVar[str] = "settings"


class HttpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP API.

    Attributes:
        listen: `host:port` of the API; port 0 takes a free one.
        requests_per_s: Steady rate of one API key.
        burst: Requests of one key that may come at once.
        max_body_bytes: Larger bodies are refused.
        mask_numbers: Keys without the `configure` scope see only the ends of phone numbers.
    """

    listen: Address = "127.0.0.1:8080"
    requests_per_s: Annotated[float, Meta(gt=0, le=100_000)] = 50.0
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 200
    max_body_bytes: Annotated[int, Meta(ge=1024, le=104_857_600)] = 262_144
    mask_numbers: bool = False


class SipSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SIP.

    Attributes:
        listen: One listener or a list of up to 16, `host:port` (UDP) or `transport:host:port` with `udp`, `tcp`, `tls`,
            `ws` or `wss`; port 0 takes a free one. `@host:port` behind it is what Via and Contact of this listener say.
        advertised: `host` or `host:port` that carriers reach us at, when it is not the listener's (NAT); a port is that
            of the first listener.
        dns_servers: Name servers for gateways, `ip` or `ip:port`; those of the system when left out.
        ws_origins: Origins (`https://host`) that browsers may connect from; any when left out.
        connections: Connections (TCP, TLS, WebSocket) opened to us at once; further ones are closed and counted.
        connections_per_source: The same from one address.
        t1_ms: RFC 3261 T1.
        user_agent: Value of User-Agent and Server.
        trace: Keep every SIP message of every call, for the ladder.
    """

    listen: Address | tuple[Address, ...] = "127.0.0.1:5060"
    advertised: Name | None = None
    dns_servers: tuple[Name, ...] = ()
    ws_origins: tuple[Name, ...] = ()
    connections: Annotated[int, Meta(ge=1, le=100_000)] = 4096
    connections_per_source: Annotated[int, Meta(ge=1, le=100_000)] = 256
    t1_ms: Annotated[int, Meta(ge=10, le=5000)] = 500
    user_agent: Name = "Ringback"
    trace: bool = True


class CertificateFiles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PEM files of a certificate chain, the certificate first, and of its key."""

    chain: Name
    key: Name


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS of SIP. The files are read at start and again at SIGHUP.

    Attributes:
        certificates: Tables with `chain` and `key`, PEM files, for `tls` and `wss` listeners. The name that a client
            asks for (SNI) chooses; the first serves every other name.
        client_ca: PEM file: who connects must show a certificate that one of these vouches for.
        ca: PEM file: gateways must show a certificate that one of these vouches for; one of the system's roots when
            left out. It must be good for the gateway's name.
        client_certificate: `chain` and `key` shown to gateways that ask for a certificate.
    """

    certificates: tuple[CertificateFiles, ...] = ()
    client_ca: Name | None = None
    ca: Name | None = None
    client_certificate: CertificateFiles | None = None


class MediaSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """RTP.

    Attributes:
        host: Local address of the RTP sockets; the SIP listener's when left out.
        advertised: Address in SDP; that of `[sip] advertised` when left out.
        first_port: First port of the RTP range, even.
        last_port: Last port; each leg takes two.
        shards: Media threads.
        cpus: CPUs to bind them to, one each, in turn; empty for no binding. Left out: the last ones, if the machine has
            more than two for each media thread.
        realtime: Ask for a real-time priority for them (needs CAP_SYS_NICE; `dropped_ticks` says whether it is missed).
        timeout_ms: Silence from the far end after which a leg counts as lost; 0 never.
        tones: Country whose ringback, busy and other tones callers hear: de, us, ca, gb, fr, it, es, in, au, jp,
            br, nl, ch, at, be, pl or se.
    """

    host: Name | None = None
    advertised: Name | None = None
    first_port: Port = 20000
    last_port: Port = 39999
    shards: Annotated[int, Meta(ge=1, le=16)] = 1
    cpus: tuple[Annotated[int, Meta(ge=0, le=1023)], ...] | None = None
    realtime: bool = True
    timeout_ms: Millis = 30_000
    tones: ToneCountry = "de"


class DatabaseSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The database.

    Attributes:
        url: `sqlite:///file`, `sqlite:////absolute/file` or `postgresql://user:password@host/name`.
            None: `ringback.db` in `data_dir`.
        key_file: Holds the key that secrets are encrypted with; made if missing. None: beside the SQLite file.
    """

    url: Name | None = None
    key_file: Name | None = None


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the whole process.

    Attributes:
        legs: Legs at once; above it new INVITEs get 503.
        incoming_per_s: New INVITEs per second from one source address.
        decide_within_ms: An INVITE that Python does not get to in this time is answered 503.
        events: Engine events waiting for Python above which new INVITEs get 503.
        open_calls: Calls in progress and in queues; above it the API answers 503.
    """

    legs: Annotated[int, Meta(ge=1, le=100_000)] = 4000
    incoming_per_s: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    decide_within_ms: Annotated[int, Meta(ge=100, le=60_000)] = 4000
    events: Annotated[int, Meta(ge=100, le=10_000_000)] = 50_000
    open_calls: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000


class WebhookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Webhooks, and HTTP requests of flows.

    Attributes:
        enabled: Deliver webhooks from this process.
        allow_private: Private and loopback addresses may be called for every account, and sounds fetched from them.
        timeout_s: Longest time one try may take.
    """

    enabled: bool = True
    allow_private: bool = False
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0


class KeepSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long what is kept. Calls, their journals and recordings are never deleted by themselves.

    Attributes:
        sip_messages_days: SIP messages of calls (the ladder).
        webhooks_days: Webhooks that were delivered or given up, with their tries.
    """

    sip_messages_days: Annotated[float, Meta(gt=0, le=3650)] = 14.0
    webhooks_days: Annotated[float, Meta(gt=0, le=3650)] = 30.0


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Logs, on standard error.

    Attributes:
        format: `console` for people, `json` for machines.
        level: Least level written.
        mask_numbers: Show only the ends of phone numbers.
    """

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    mask_numbers: bool = False


class AccountSeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[account]]`: created or changed at start. Fields as in `ringback.model.account.Account`."""

    sid: Id
    name: Name = ""
    channels: Annotated[int, Meta(ge=0, le=100_000)] = 100
    queues: bool = True
    is_test: bool = False
    defaults: CallDefaults = CallDefaults()
    calling_hours: CallingHours | None = None
    webhook_url: str | None = None
    webhook_secret: str = ""
    allow_private_webhooks: bool = False


class ApiKeySeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[api_key]]`: a key whose secret is in the settings, at least 24 characters."""

    account: Id
    secret: Annotated[str, Meta(min_length=24, max_length=200)]
    name: Name = "from the settings"
    scopes: tuple[Scope, ...] = (Scope.CALL, Scope.READ, Scope.CONFIGURE)


class TrunkSeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[trunk]]`: created or changed at start, by `id`. Fields as in `ringback.model.trunk.Trunk`."""

    id: Id
    name: Name = ""
    account: Id | None = None
    gateways: tuple[Name, ...] = ()
    sources: tuple[Name, ...] = ()
    username: str | None = None
    password: str | None = None
    codecs: tuple[Literal["PCMA", "PCMU", "G722", "OPUS"], ...] = ("PCMA", "PCMU")
    channels: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    first_response_ms: Millis = 4000
    transport: Literal["auto", "udp", "tcp", "tls"] = "auto"
    mtu_to_tcp: bool = False
    allow_redirects: bool = False
    send_pai: bool = False
    called_from: Name = "request_uri"
    calling_from: tuple[Name, ...] = ("P-Asserted-Identity", "Remote-Party-ID", "From")
    identity: IdentityPolicy = IdentityPolicy()
    header_rules: HeaderRules = HeaderRules()
    dialog: DialogPolicy = DialogPolicy()
    limits: TrunkLimits = TrunkLimits()
    srtp: Literal["off", "optional", "required"] = "off"
    srtp_over_clear: bool = False
    dtmf: Literal["auto", "inband"] = "auto"
    registration: TrunkRegistration | None = None
    options_ping_s: PingSeconds = 0
    test_only: bool = False
    enabled: bool = True
    overrides: tuple[OutcomeOverride, ...] = ()


class PhoneSeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[phone]]`: created or changed at start, by `id`; of `password` only hashes are kept.

    Fields as in `ringback.model.phone.Phone`.
    """

    id: Id
    account: Id
    username: User
    password: Annotated[str, Meta(min_length=8, max_length=200)]
    realm: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,253}$")] = "ringback"
    name: Annotated[str, Meta(max_length=100)] = ""
    number: Number | None = None
    max_contacts: Annotated[int, Meta(ge=1, le=100)] = 5
    codecs: tuple[Literal["PCMA", "PCMU"], ...] = ("PCMA", "PCMU")
    enabled: bool = True


class RouteSeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[route]]`: created or changed at start, by `id`. Fields as in `ringback.model.trunk.Route`."""

    id: Id
    account: Id | None = None
    prefix: Annotated[str, Meta(pattern=r"^\+?[0-9]{0,20}$")]
    trunks: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=20)]
    order: int = 0
    strip: Annotated[int, Meta(ge=0, le=20)] = 0
    prepend: Annotated[str, Meta(max_length=20)] = ""


class FlowSeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[flow]]`: the document in `file` (JSON, beside the settings) is published at start if it changed."""

    id: Id
    account: Id
    name: Name = ""
    file: Name


class NumberSeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[number]]`: created or changed at start, by `number`. Fields as in `ringback.model.number.Number`."""

    number: Number
    account: Id
    number_status: Literal["Active", "Inactive"] = "Active"
    voice_in: bool = True
    voice_out: bool = True
    flow_id: Id | None = None
    channels: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    accept_anonymous: bool = False
    ring_ms: Millis | None = None


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set.

    Attributes:
        data_dir: Where the database, sounds, recordings and the prompt cache are kept.
        node: Name of this process in the journal.
        grace_s: How long calls may go on after SIGTERM.
    """

    data_dir: Name = "data"
    node: Id = "node-1"
    grace_s: Seconds = 30.0
    http: HttpSettings = HttpSettings()
    sip: SipSettings = SipSettings()
    tls: TlsSettings = TlsSettings()
    media: MediaSettings = MediaSettings()
    database: DatabaseSettings = DatabaseSettings()
    limits: LimitSettings = LimitSettings()
    defense: DefenseSettings = DefenseSettings()
    webhooks: WebhookSettings = WebhookSettings()
    keep: KeepSettings = KeepSettings()
    log: LogSettings = LogSettings()
    account: tuple[AccountSeed, ...] = ()
    api_key: tuple[ApiKeySeed, ...] = ()
    trunk: tuple[TrunkSeed, ...] = ()
    phone: tuple[PhoneSeed, ...] = ()
    route: tuple[RouteSeed, ...] = ()
    flow: tuple[FlowSeed, ...] = ()
    number: tuple[NumberSeed, ...] = ()
