"""The closed vocabularies of how a call ended. The names are byte-exact and are never extended silently."""

from enum import StrEnum


class Kind(StrEnum):
    """What sort of call it is; it never changes during a call."""

    INCOMING = "incoming"
    OUTBOUND = "outbound"
    CLICK_TO_CALL = "click_to_call"


class Status(StrEnum):
    """The 28 final statuses. Every call ends with exactly one of them."""

    NOANSWER = "NOANSWER"
    ANSWER = "ANSWER"
    FLOW_ANSWER = "FLOW_ANSWER"
    FAILED = "FAILED"
    BUSY = "BUSY"
    REJECTED = "REJECTED"
    NOROUTE = "NOROUTE"
    BUSY_CHANNEL1 = "BUSY_CHANNEL1"
    BUSY_CHANNEL2 = "BUSY_CHANNEL2"
    FAILED_CHANNEL1 = "FAILED_CHANNEL1"
    FAILED_CHANNEL2 = "FAILED_CHANNEL2"
    NOANSWER_CHANNEL1 = "NOANSWER_CHANNEL1"
    NOANSWER_CHANNEL2 = "NOANSWER_CHANNEL2"
    MAXUSE = "MAXUSE"
    FLOW_UNASSIGNED = "FLOW_UNASSIGNED"
    FLOW_PAUSED = "FLOW_PAUSED"
    FLOW_NOT_PUBLISHED = "FLOW_NOT_PUBLISHED"
    FLOW_UNREACHABLE = "FLOW_UNREACHABLE"
    QUEUE_TIMEOUT = "QUEUE_TIMEOUT"
    OBD_TIMEOUT = "OBD_TIMEOUT"
    CANCEL = "CANCEL"
    BRIDGE_UNAVAILABLE = "BRIDGE_UNAVAILABLE"
    MISS_CALL = "MISS_CALL"
    NO_INCOMING_CLI = "NO_INCOMING_CLI"
    INCOMING_DISCONNECTED = "INCOMING_DISCONNECTED"
    RING_TIMEOUT = "RING_TIMEOUT"
    FLOW_EXECUTED = "FLOW_EXECUTED"
    OUTGOING_RESTRICTED = "OUTGOING_RESTRICTED"


class Family(StrEnum):
    """The four groups that reports count by."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    NOT_PLACED = "not_placed"
    FAILED = "failed"


class LegResult(StrEnum):
    """Our reading of why one dialled leg ended; decided by `ringback.call.outcome` alone."""

    ANSWERED = "answered"
    CANCELLED = "cancelled"
    REQUEST_TIMEOUT = "request_timeout"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    RESTRICTED = "restricted"
    NO_ROUTE = "no_route"
    NO_CHANNEL = "no_channel"
    FAILED = "failed"


class HangupBy(StrEnum):
    """Who ended the call."""

    CALLER = "caller"
    CALLEE = "callee"
    PLATFORM = "platform"
    NETWORK = "network"
    API = "api"
