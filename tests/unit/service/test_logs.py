"""Log lines without the middles of phone numbers."""

from ringback.service.logs import mask_numbers


def test_numbers_are_masked_wherever_they_stand_in_a_text() -> None:
    line = {"event": "dialing +491701234567 over t1", "to": "sip:+4930111222@host", "calls": 3, "code": "+49"}

    masked = mask_numbers(None, "info", line)

    assert masked == {
        "event": "dialing +491******567 over t1",
        "to": "sip:+493****222@host",
        "calls": 3,
        "code": "+49",
    }
