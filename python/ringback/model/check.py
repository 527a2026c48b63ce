"""What admission can stumble over."""

from enum import StrEnum


class Check(StrEnum):
    """What admission can stumble over. The values stand in the journal (`refused`) and become the call's reason."""

    BRIDGE_UNKNOWN = "bridge_unknown"
    BRIDGE_INACTIVE = "bridge_inactive"
    NO_VOICE_OUT = "no_voice_out"
    DO_NOT_DISTURB = "do_not_disturb"
    BLOCKED = "blocked"
    OUTSIDE_CALLING_HOURS = "outside_calling_hours"
    FLOW_UNKNOWN = "flow_unknown"
    FLOW_DELETED = "flow_deleted"
    FLOW_UNREACHABLE = "flow_unreachable"
    FLOW_NOT_PUBLISHED = "flow_not_published"
    FLOW_PAUSED = "flow_paused"
    FLOW_UNASSIGNED = "flow_unassigned"
    NO_ROUTE = "no_route"
    NO_ROUTE_FROM = "no_route_from"
    NO_CHANNEL = "no_channel"
    QUEUE_FULL = "queue_full"
    NO_CALLED_NUMBER = "no_called_number"
    NUMBER_UNKNOWN = "number_unknown"
    NO_CALLING_NUMBER = "no_calling_number"
    FLOW_MISSING = "flow_missing"
    NO_COMMON_CODEC = "no_common_codec"
