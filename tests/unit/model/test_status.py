"""The 28 names are byte-exact and closed."""

from ringback.model.status import Status

CONTRACT = tuple(
    """
NOANSWER ANSWER FLOW_ANSWER FAILED BUSY REJECTED NOROUTE BUSY_CHANNEL1 BUSY_CHANNEL2 FAILED_CHANNEL1 FAILED_CHANNEL2
NOANSWER_CHANNEL1 NOANSWER_CHANNEL2 MAXUSE FLOW_UNASSIGNED FLOW_PAUSED FLOW_NOT_PUBLISHED FLOW_UNREACHABLE QUEUE_TIMEOUT
OBD_TIMEOUT CANCEL BRIDGE_UNAVAILABLE MISS_CALL NO_INCOMING_CLI INCOMING_DISCONNECTED RING_TIMEOUT FLOW_EXECUTED
OUTGOING_RESTRICTED
""".split()  # noqa: SIM905  (one name after the other, as the contract has them)
)


def test_the_28_names() -> None:
    assert tuple(status.value for status in Status) == CONTRACT
    assert tuple(status.name for status in Status) == CONTRACT
    assert len(CONTRACT) == 28
