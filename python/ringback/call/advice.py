"""What a reason adds to what its status says: why not a neighbor, what to do next. Rows of data, the first that fits.

The status' own words (`ringback.call.catalogue`) hold where no row says more.
"""

from msgspec import Struct

from ringback.model.status import Kind, Status


class Advice(Struct, frozen=True, kw_only=True):
    """Words for some statuses, kinds and reasons; a condition left empty holds always. "" keeps the status' words."""

    statuses: tuple[Status, ...] = ()
    kinds: tuple[Kind, ...] = ()
    reasons: tuple[str, ...] = ()
    not_instead: str = ""
    next_step: str = ""

    def fits(self, status: Status, kind: Kind, reason: str) -> bool:
        """Say whether the words are about such a call."""
        return (
            (not self.statuses or status in self.statuses)
            and (not self.kinds or kind in self.kinds)
            and (not self.reasons or reason in self.reasons)
        )


_S = Status
_IN = (Kind.INCOMING,)
_FAILED = (_S.FAILED, _S.FAILED_CHANNEL1, _S.FAILED_CHANNEL2)
_DROPPED = (_S.INCOMING_DISCONNECTED,)

# fmt: off
# ruff: noqa: E501  (a table: one line a row)
ADVICE: tuple[Advice, ...] = (
    # Our own faults, whatever the status
    Advice(reasons=("internal_error",), next_step="Report it with the call's id and the server's log: this is a fault of Ringback."),
    Advice(statuses=_FAILED, reasons=("recovered_after_crash",), next_step="Place the call again if it is still wanted, it is not tried again by itself; the server's log says why Ringback stopped."),
    Advice(statuses=_FAILED, reasons=("shutdown",), next_step="Place the call again if it is still wanted, it is not tried again by itself; a longer `grace_s` lets more calls end before a stop."),
    Advice(reasons=("recovered_after_crash",), next_step="Look into the server's log for why Ringback stopped; the other party may call again."),
    Advice(reasons=("shutdown",), next_step="Set a longer `grace_s` to let more calls end before a stop."),
    # Not placed
    Advice(statuses=(_S.NOROUTE,), kinds=_IN, not_instead="Not INCOMING_DISCONNECTED or BRIDGE_UNAVAILABLE, because the number that was called is not one of this installation.", next_step="Add the number to the account, or have the carrier send it elsewhere."),
    Advice(statuses=(_S.NOROUTE,), reasons=("no_route_in_network",), not_instead="Not FAILED, because the carrier itself said that it has no route (Q.850 cause 2 or 3).", next_step="Correct the number, or let another trunk carry its prefix."),
    Advice(statuses=(_S.NOROUTE,), not_instead="Not FAILED, because nothing was tried: no enabled trunk carries calls to this number."),
    Advice(statuses=(_S.MAXUSE,), kinds=_IN, not_instead="Not INCOMING_DISCONNECTED, because only a free channel was missing.", next_step="Raise the limit that the evidence names; the caller heard busy."),
    Advice(statuses=(_S.MAXUSE,), reasons=("carrier_limit",), not_instead="Not FAILED, because every trunk that was tried named our limit at the carrier.", next_step="Ask the carrier for more channels or calls per second, or spread the calls over time."),
    Advice(statuses=(_S.MAXUSE,), reasons=("trunk_slots_taken",), next_step="Raise the trunk's channels if the carrier allows more, or add a trunk to the route."),
    Advice(statuses=(_S.MAXUSE,), reasons=("queue_full",), not_instead="Not QUEUE_TIMEOUT, because the call could not even wait: the queue was full.", next_step="Raise the channel limit or the queue's length, or place calls more slowly."),
    Advice(statuses=(_S.QUEUE_TIMEOUT,), reasons=("missed_schedule",), not_instead="Not MAXUSE or FAILED, because it was not tried at all: its time had long passed.", next_step="Place the call again if it is still wanted, and look why Ringback was not running at that time."),
    Advice(statuses=(_S.FLOW_UNREACHABLE,), reasons=("flow_unknown", "flow_deleted"), not_instead="Not FLOW_NOT_PUBLISHED, because the account has no such flow, not even a draft.", next_step="Correct the flow's id."),
    Advice(statuses=(_S.FLOW_UNREACHABLE,), reasons=("flow_unreachable",), not_instead="Not FAILED, because it was the flow's document that was missing, not the callee.", next_step="Look why the flow's URL does not give a valid document in time; the evidence says what came."),
    Advice(statuses=(_S.BRIDGE_UNAVAILABLE,), kinds=_IN, not_instead="Not NOROUTE, because the number is the account's; it is only not in service.", next_step="Activate the number and let it take incoming calls."),
    Advice(statuses=(_S.BRIDGE_UNAVAILABLE,), reasons=("bridge_unknown",), next_step="Give one of the account's own numbers as bridge."),
    Advice(statuses=(_S.NO_INCOMING_CLI,), reasons=("no_called_number",), next_step="Ask the carrier to send the called number, or say on the trunk where it stands (`called_from`)."),
    Advice(statuses=(_S.NO_INCOMING_CLI,), reasons=("no_calling_number",), next_step="Let the number accept anonymous callers, or say on the trunk where the calling number stands (`calling_from`)."),
    Advice(statuses=(_S.OUTGOING_RESTRICTED,), reasons=("no_voice_out",), next_step="Let the bridge make calls (`voice_out`), or use another bridge."),
    Advice(statuses=(_S.OUTGOING_RESTRICTED,), reasons=("do_not_disturb", "blocked"), next_step="Nothing, if the number must not be called; else take it off the list."),
    Advice(statuses=(_S.OUTGOING_RESTRICTED,), reasons=("outside_calling_hours",), next_step="Give a `time` within the account's calling hours."),
    Advice(statuses=(_S.OUTGOING_RESTRICTED,), reasons=("barred_by_network",), next_step="Ask the carrier to let this number make such calls."),
    # Failed
    Advice(statuses=(_S.FAILED_CHANNEL1,), reasons=("no_route",), not_instead="Not NOROUTE, which is about the TO number: a route leads there, but none to the first number.", next_step="Add a route for the first number's prefix, or correct the number."),
    Advice(statuses=_FAILED, reasons=("not_found", "gone", "address_incomplete"), next_step="Correct the number: as it is it will not be reached later either."),
    Advice(statuses=_FAILED, reasons=("credentials_refused",), next_step="Correct the trunk's user name and password."),
    Advice(statuses=_FAILED, reasons=("forbidden",), next_step="Ask the carrier why it does not allow this call; often the caller ID or the destination is not released."),
    Advice(statuses=_FAILED, reasons=("no_common_codec", "not_acceptable"), next_step="Give the trunk a codec that the far end speaks."),
    Advice(statuses=_FAILED, reasons=("dns", "transport", "no_response", "server_error", "congestion"), next_step="Look at the trunk and ask its carrier; a second trunk in the route takes over in such a case."),
    Advice(statuses=_FAILED, reasons=("trunk_full",), next_step="Raise the channels of the last trunk, and look why those before it failed."),
    Advice(statuses=_FAILED, reasons=("no_media_port",), next_step="Widen the range of media ports."),
    # Withdrawn
    Advice(statuses=(_S.CANCEL,), reasons=("media_lost", "connection_lost"), not_instead="Not FAILED_CHANNEL2, because the second party was only withdrawn: the first one was gone.", next_step="Look at leg 1, its trunk and its network: the party may not have meant to leave."),
    # Incoming calls that came to nothing
    Advice(statuses=_DROPPED, reasons=("caller_cancelled",), next_step="Nothing; if many callers leave so early, look how long the flow takes until it answers."),
    Advice(statuses=_DROPPED, reasons=("api_hangup",), next_step="Nothing; it was asked for."),
    Advice(statuses=_DROPPED, reasons=("blocked",), next_step="Nothing, if the caller is not wanted; else take the number off the list."),
    Advice(statuses=_DROPPED, reasons=("flow_missing",), next_step="Assign a flow to the number."),
    Advice(statuses=_DROPPED, reasons=("flow_paused",), next_step="Resume the flow, or give the number another one."),
    Advice(statuses=_DROPPED, reasons=("flow_not_published",), next_step="Publish the flow."),
    Advice(statuses=_DROPPED, reasons=("flow_unreachable",), next_step="Look why the flow's document cannot be had; the evidence says what came."),
    Advice(statuses=_DROPPED, reasons=("flow_error",), not_instead="Not FLOW_EXECUTED, because the flow did not come to its end: it failed.", next_step="Look at the flow's trail: the evidence names the widget and the error."),
    Advice(statuses=_FAILED + _DROPPED, reasons=("no_srtp",), next_step="Set the trunk's `srtp` to `optional`, or have the far end offer SRTP over TLS."),
    Advice(statuses=_DROPPED, reasons=("no_common_codec",), next_step="Allow the caller's codec on the trunk, or ask the carrier to offer PCMA or PCMU."),
    Advice(statuses=_DROPPED, reasons=("no_ack",), not_instead="Not FLOW_ANSWER, because nothing showed that the caller's side had our answer.", next_step="Look at the SIP messages: mostly a firewall or NAT keeps the ACK from us (`advertised`)."),
    Advice(statuses=_DROPPED, reasons=("overload",), next_step="Look at the server's load at that moment; it was too slow to decide."),
    Advice(statuses=_DROPPED, reasons=("no_media_port",), next_step="Widen the range of media ports."),
)
# fmt: on


def advise(status: Status, kind: Kind, reason: str) -> tuple[str, str]:
    """Return why not a neighbor and what to do next; each is "" where the status' own words hold."""
    fitting = [row for row in ADVICE if row.fits(status, kind, reason)]
    not_instead = next((row.not_instead for row in fitting if row.not_instead), "")
    return not_instead, next((row.next_step for row in fitting if row.next_step), "")
