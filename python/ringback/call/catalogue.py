"""What each of the 28 means, for people: the data behind `docs/statuses.md`, `/statuses` and `ringback statuses`."""

from msgspec import Struct

from ringback.call.retry import RETRIED
from ringback.call.status_table import STATUS_ROWS
from ringback.model.status import Family, Kind, Status


class StatusInfo(Struct, frozen=True, kw_only=True):
    """One status.

    Attributes:
        meaning: The contract in one line.
        kinds: The kinds of call that can end with it.
        rules: Ids of the rows that lead to it.
        not_instead: Why it is this one and not a neighbour.
        next_step: What to do about it.
        is_retried: A call with attempts left is tried again.
    """

    status: Status
    meaning: str
    family: Family
    kinds: tuple[Kind, ...]
    rules: tuple[str, ...]
    not_instead: str
    next_step: str
    is_retried: bool


_S, _F = Status, Family

# fmt: off
# ruff: noqa: E501  (a table: one line a row)
_WORDS: tuple[tuple[Status, Family, str, str, str], ...] = (
    (_S.NOANSWER, _F.NOT_REACHED, "the callee (dialled number) did not answer", "Not OBD_TIMEOUT, because the time that ran out was the default ring time or the network's, not one set in the request; not BUSY or REJECTED, because nobody said so.", "Try again later, or set a longer `timeout`."),
    (_S.ANSWER, _F.REACHED, "the callee answered", "No other status is possible once the callee has answered: a short call, a machine or an error of the flow is in the reason and the legs, never in the status.", "Nothing; see the legs and the flow's trail for what happened in the call."),
    (_S.FLOW_ANSWER, _F.REACHED, "an incoming call landed on the flow", "Not INCOMING_DISCONNECTED, because the caller's side confirmed our answer; not ANSWER, which is for calls that we place.", "Nothing; see the legs and the flow's trail for what happened in the call."),
    (_S.FAILED, _F.FAILED, "the call initiation failed", "Not NOANSWER, BUSY or REJECTED, because nothing says that the callee was reached or refused; not NOROUTE, because a trunk was tried.", "Look at the reason, SIP code and trunk: a wrong number stays wrong, a failing trunk needs its carrier."),
    (_S.BUSY, _F.NOT_REACHED, "the callee was busy", "Not REJECTED, because the far end said busy, not declined; carriers that mix the two can have a row of their own on the trunk.", "Try again in some minutes; a retry does it by itself."),
    (_S.REJECTED, _F.NOT_REACHED, "the callee rejected the call", "Not BUSY or NOANSWER, because the far end said that the call was declined. There is no REJECTED_CHANNEL1 or 2: the leg's record shows which party it was.", "Do not call again at once; the party does not want this call."),
    (_S.NOROUTE, _F.NOT_PLACED, "no dialling route for the TO number", "Not FAILED, because it did not fail on the way: no route leads there, or the carrier said so (Q.850 2 or 3).", "Add a route for the number's prefix, or correct the number."),
    (_S.BUSY_CHANNEL1, _F.NOT_REACHED, "first dialled number was busy", "Not BUSY, which is for calls to one number; not BUSY_CHANNEL2, because the second number was never dialled.", "Try again when the first party is free."),
    (_S.BUSY_CHANNEL2, _F.NOT_REACHED, "first answered, second was busy", "Not BUSY_CHANNEL1, because the first party did answer; not CANCEL, because it was still on the line.", "Try again when the second party is free."),
    (_S.FAILED_CHANNEL1, _F.FAILED, "initiation failed for the first number", "Not NOANSWER_CHANNEL1 or BUSY_CHANNEL1, because nothing says that the first party was reached.", "Look at leg 1: reason, SIP code and trunk."),
    (_S.FAILED_CHANNEL2, _F.FAILED, "first answered, initiation failed for the second", "Not NOROUTE or MAXUSE, because the first party was already on the line; not CANCEL, because it had not left.", "Look at leg 2: reason, SIP code and trunk."),
    (_S.NOANSWER_CHANNEL1, _F.NOT_REACHED, "first number did not answer", "Not OBD_TIMEOUT, which is for calls to one number; the time-out of the request counts for each leg.", "Try again when the first party is there."),
    (_S.NOANSWER_CHANNEL2, _F.NOT_REACHED, "first answered, second did not", "Not CANCEL, because the first party waited until the ring time of the second was up.", "Try again when the second party is there."),
    (_S.MAXUSE, _F.NOT_PLACED, "not initiated: channel capacity at its maximum", "Not QUEUE_TIMEOUT, because the call did not wait; not FAILED, because capacity was the only thing missing.", "Raise the channel limit, let calls queue, or spread them over time."),
    (_S.FLOW_UNASSIGNED, _F.NOT_PLACED, "no DID assigned to the flow that the outbound call should trigger", "Not FLOW_PAUSED or FLOW_NOT_PUBLISHED: the flow is published and running, only without a number.", "Assign a number to the flow."),
    (_S.FLOW_PAUSED, _F.NOT_PLACED, "that flow is paused", "Not FLOW_NOT_PUBLISHED, because it has a published version.", "Resume the flow."),
    (_S.FLOW_NOT_PUBLISHED, _F.NOT_PLACED, "that flow is not published", "Not FLOW_UNREACHABLE, because the flow exists; it has only a draft.", "Publish the flow."),
    (_S.FLOW_UNREACHABLE, _F.NOT_PLACED, "that flow was not reachable", "Not FLOW_NOT_PUBLISHED, because there is no such flow, or its URL gave no valid document in time.", "Correct the flow's id, or look why its URL does not deliver."),
    (_S.QUEUE_TIMEOUT, _F.NOT_PLACED, "queued, never initiated, queue time was up", "Not MAXUSE, because the call waited for a channel; not CANCEL, because nobody withdrew it.", "Raise the channel limit or the queue time."),
    (_S.OBD_TIMEOUT, _F.NOT_REACHED, "outbound call timed out by a value set in the outbound request", "Not NOANSWER, because the time that ran out was the one set in the request.", "Set a longer `timeout`, or leave it out."),
    (_S.CANCEL, _F.NOT_REACHED, "the caller withdrew the call", "Not NOANSWER, because the attempt did not run its full time: the account withdrew it, or the first party left before the second answered.", "Nothing; it was the caller's own wish."),
    (_S.BRIDGE_UNAVAILABLE, _F.NOT_PLACED, "bridge number inactive at initiation", "Not OUTGOING_RESTRICTED, because the number itself is not in service or not the account's.", "Activate the number, or use another bridge."),
    (_S.MISS_CALL, _F.REACHED, "miss-call option is on for the incoming call", "Not INCOMING_DISCONNECTED, even if the caller gave up earlier: not answering is what this number is for.", "Nothing; the caller's number is in the record."),
    (_S.NO_INCOMING_CLI, _F.NOT_PLACED, "incoming call without CLI from the operator", "Not INCOMING_DISCONNECTED, because the identity was missing; the reason says whether the called or the calling number.", "Ask the carrier to send it, choose another header on the trunk, or let the number accept anonymous callers."),
    (_S.INCOMING_DISCONNECTED, _F.NOT_REACHED, "the incoming call was disconnected (before it landed anywhere)", "Not FLOW_ANSWER, because it was never answered and confirmed; not RING_TIMEOUT or FLOW_EXECUTED, because neither the ring time nor the flow was over.", "Look at the reason: the caller's choice needs nothing, `flow_error` or `flow_missing` needs you."),
    (_S.RING_TIMEOUT, _F.NOT_REACHED, "incoming call timed out while non-telephony widgets were running", "Not NOANSWER, which is for calls that we place; not FLOW_EXECUTED, because the flow was not at its end.", "Look which widget of the flow takes long, or raise the incoming ring time."),
    (_S.FLOW_EXECUTED, _F.REACHED, "a flow without telephony widgets ran to its end", "Not FLOW_ANSWER, because no widget needed the call to be answered; not RING_TIMEOUT, because the flow was in time.", "Nothing, if the flow is meant to be so; else give it a telephony widget."),
    (_S.OUTGOING_RESTRICTED, _F.NOT_PLACED, "the number has no outgoing call facility", "Not BRIDGE_UNAVAILABLE, because the bridge is in service; not REJECTED, because it is not the callee who refused.", "Look at the reason: the bridge's capability, do-not-disturb, a blocked number, calling hours, or the carrier."),
)
# fmt: on


def _info(status: Status, family: Family, meaning: str, not_instead: str, next_step: str) -> StatusInfo:
    rows = [row for row in STATUS_ROWS if row.status is status]
    return StatusInfo(
        status=status,
        meaning=meaning,
        family=family,
        kinds=tuple(kind for kind in Kind if any(kind in row.kinds for row in rows)),
        rules=tuple(row.id for row in rows),
        not_instead=not_instead,
        next_step=next_step,
        is_retried=status in RETRIED,
    )


CATALOGUE: tuple[StatusInfo, ...] = tuple(_info(*words) for words in _WORDS)
BY_STATUS: dict[Status, StatusInfo] = {info.status: info for info in CATALOGUE}


def family_of(status: Status) -> Family:
    """Return the family that reports count a status in."""
    return BY_STATUS[status].family
