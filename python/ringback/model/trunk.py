"""Relations to carriers, and the rules that choose among them."""

from msgspec import Struct

from ringback.model.ids import AccountSid, RouteId, TrunkId
from ringback.model.sip.dialog import DialogPolicy
from ringback.model.sip.header_rules import HeaderRules
from ringback.model.sip.identity import IdentityPolicy
from ringback.model.sip.limits import TrunkLimits
from ringback.model.sip.registration import TrunkRegistration
from ringback.model.status import LegResult


class OutcomeOverride(Struct, frozen=True, kw_only=True):
    """One carrier's deviation: this SIP code or Q.850 cause means that leg result on this trunk.

    Exactly one of `sip` (100-699) and `q850` (1-127) is set.
    """

    id: str
    result: LegResult
    sip: int | None = None
    q850: int | None = None


class Trunk(Struct, frozen=True, kw_only=True):
    """A relation to a carrier.

    Attributes:
        engine_id: The number the engine knows the trunk by, unique in the installation.
        account: Owner; None for the operator's trunk, usable by all accounts.
        gateways: `host:port` each, in order of preference; a host alone is looked up by NAPTR and SRV (RFC 3263).
        sources: Networks (`10.0.0.0/24`) or `address:port` that its calls come from; the gateways always count.
        channels: Legs at once, None for no limit.
        first_response_ms: Without any provisional for this long the next gateway or trunk is tried.
        transport: `auto` (what DNS says, else UDP), `udp`, `tcp` or `tls`.
        mtu_to_tcp: INVITEs of more than 1300 bytes go over TCP (RFC 3261 section 18.1.1).
        called_from: Where the called number of an incoming call stands: `request_uri`, `to`, or a header's name.
        calling_from: Header order for the calling number.
        send_pai: The short form of P-Asserted-Identity in `identity.carry_in`.
        identity: How callers are named and numbers written, both ways.
        header_rules: How headers of INVITEs are changed, both ways.
        dialog: How its dialogs behave: reliable provisional responses, session timers.
        limits: What it may send us at most.
        codecs: `PCMA`, `PCMU`, `G722`, `OPUS`, in order of preference.
        srtp: Whether media is encrypted: `off`, `optional` (where the far end can) or `required`.
        srtp_over_clear: Send the keys of SRTP even where signaling is not encrypted.
        dtmf: How digits travel: `auto` (telephone events where agreed, else within the audio) or `inband`.
        registration: How the trunk registers at its carrier; None for one that is known by its address.
        options_ping_s: Between two OPTIONS to each gateway, 0 for none; one that does not answer is tried last.
        overrides: Rows that come before the common table of leg results.
    """

    id: TrunkId
    engine_id: int
    name: str
    account: AccountSid | None = None
    gateways: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    username: str | None = None
    password: str | None = None
    codecs: tuple[str, ...] = ("PCMA", "PCMU")
    channels: int | None = None
    first_response_ms: int = 4000
    transport: str = "auto"
    mtu_to_tcp: bool = False
    allow_redirects: bool = False
    send_pai: bool = False
    called_from: str = "request_uri"
    calling_from: tuple[str, ...] = ("P-Asserted-Identity", "Remote-Party-ID", "From")
    identity: IdentityPolicy = IdentityPolicy()
    header_rules: HeaderRules = HeaderRules()
    dialog: DialogPolicy = DialogPolicy()
    limits: TrunkLimits = TrunkLimits()
    srtp: str = "off"
    srtp_over_clear: bool = False
    dtmf: str = "auto"
    registration: TrunkRegistration | None = None
    options_ping_s: float = 0
    test_only: bool = False
    enabled: bool = True
    overrides: tuple[OutcomeOverride, ...] = ()


class Route(Struct, frozen=True, kw_only=True):
    """An ordered rule: numbers that begin with `prefix` go to these trunks, first one first.

    The longest prefix wins, then the lowest `order`. `strip` digits go from the front (after `+`), `prepend` comes
    instead.
    """

    id: RouteId
    account: AccountSid | None = None
    prefix: str
    trunks: tuple[TrunkId, ...]
    order: int = 0
    strip: int = 0
    prepend: str = ""
