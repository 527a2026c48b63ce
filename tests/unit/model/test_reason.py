"""The Reason header."""

import pytest

from ringback.model.sip.reason import ELSEWHERE, Reason, parse_reasons


@pytest.mark.parametrize(
    ("header", "reasons"),
    [
        ("Q.850;cause=16", (Reason(protocol="Q.850", cause=16),)),
        (ELSEWHERE, (Reason(protocol="SIP", cause=200, text="Call completed elsewhere"),)),
        (
            'SIP ;cause=486;text="Busy, \\"so\\"; yes", q.850;text=no;cause=17',
            (Reason(protocol="SIP", cause=486, text='Busy, "so"; yes'), Reason(protocol="Q.850", cause=17, text="no")),
        ),
        ("preemption;cause=one", (Reason(protocol="PREEMPTION"),)),
        ("SIP;cause=1000", (Reason(protocol="SIP"),)),
        ('SIP;text="open', (Reason(protocol="SIP", text='"open'),)),
        ("", ()),
        (" , ;, ", ()),
        ("a,b,c,d,e,f,g", tuple(Reason(protocol=name) for name in "ABCDE")),
    ],
)  # fmt: skip
def test_values_of_the_header(header: str, reasons: tuple[Reason, ...]) -> None:
    assert parse_reasons(header) == reasons
