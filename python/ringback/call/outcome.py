"""How one dialled leg ended: the network's evidence in, our reading out.

The only place that compares SIP or Q.850 codes. It knows nothing of calls and their statuses.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from ringback.call.outcome_table import (
    FAILOVER_CAUSES,
    FAILOVER_CODES,
    LIMIT_TEXTS,
    OUTCOME_ROWS,
    EndedBy,
    OutcomeRow,
)
from ringback.model.cause import Cause
from ringback.model.status import HangupBy, LegResult
from ringback.model.trunk import OutcomeOverride

_FIRST_RINGING, _LAST_RINGING = 180, 189  # 18x: the called side is known and being alerted, RFC 3261 21.1
_TRYING = 100


class TryEvidence(Struct, frozen=True, kw_only=True):
    """How one try ended: through which trunk, and why."""

    trunk: str
    cause: Cause


class LegEvidence(Struct, frozen=True, kw_only=True):
    """Everything that is known of an ended attempt to reach one party.

    Attributes:
        rang: An 18x was seen.
        tries: The tries that failed, in order; the last one is the leg's.
        blocked: Trunks of the route that were never tried because all our slots on them were taken.
        overrides: The last try's trunk's own rows.
    """

    ended_by: EndedBy
    rang: bool = False
    tries: tuple[TryEvidence, ...] = ()
    blocked: tuple[str, ...] = ()
    overrides: tuple[OutcomeOverride, ...] = ()


class LegVerdict(Struct, frozen=True, kw_only=True):
    """Our reading: `rule` is the row's id, `trunk:<id>` for a trunk's own row."""

    result: LegResult
    reason: str
    rule: str
    hangup_by: HangupBy


class OutcomeTable:
    """The table made ready for use; also out of a recorded one."""

    __slots__ = ("_limit", "_rows", "row_of")

    def __init__(self, rows: Sequence[OutcomeRow], limit_texts: Sequence[str]) -> None:
        self._rows = tuple(rows)
        self._limit = re.compile("|".join(f"(?:{text})" for text in limit_texts), re.IGNORECASE)
        self.row_of = lru_cache(maxsize=4096)(self._row_of)

    def read(self, evidence: LegEvidence) -> LegVerdict:
        """Read the evidence: the first row that fits. Total: the defaults fit everything."""
        cause = evidence.tries[-1].cause if evidence.tries else None
        if evidence.ended_by is EndedBy.NETWORK and cause is not None:
            override = overriding(cause, evidence.overrides)
            if override is not None:
                return LegVerdict(
                    result=override.result, reason="trunk_rule", rule=f"trunk:{override.id}", hangup_by=HangupBy.NETWORK
                )
        carrier_limited = any(self.names_limit(item.cause) for item in evidence.tries)
        row = self.row_of(
            evidence.ended_by,
            cause.cause if cause else "",
            cause.code if cause else None,
            cause.q850 if cause else None,
            evidence.rang,
            self._is_limited(evidence),
            carrier_limited,
        )
        return LegVerdict(result=row.result, reason=row.reason, rule=row.id, hangup_by=row.hangup_by)

    def names_limit(self, cause: Cause) -> bool:
        """Say whether a 5xx names our channel or call-rate limit at the carrier."""
        if cause.code is None or not FAILOVER_CODES[0] <= cause.code <= FAILOVER_CODES[1]:
            return False
        return self._limit.search(f"{cause.phrase or ''} {cause.reason or ''}") is not None

    def _is_limited(self, evidence: LegEvidence) -> bool:
        tried = [item.cause for item in evidence.tries]
        if not tried and not evidence.blocked:
            return False
        return all(cause.cause == "no_channel" or self.names_limit(cause) for cause in tried)

    def _row_of(
        self,
        ended_by: EndedBy,
        word: str,
        code: int | None,
        q850: int | None,
        rang: bool,  # noqa: FBT001
        limited: bool,  # noqa: FBT001
        carrier_limited: bool,  # noqa: FBT001
    ) -> OutcomeRow:
        for row in self._rows:
            if (
                row.ended_by is ended_by
                and (not row.causes or word in row.causes)
                and (not row.codes or _within(code, row.codes))
                and (not row.q850 or q850 in row.q850)
                and row.after_18x in (None, rang)
                and row.limited in (None, limited)
                and row.carrier_limited in (None, carrier_limited)
            ):
                return row
        raise LookupError(f"no row reads {ended_by}: the table has no default")


CURRENT = OutcomeTable(OUTCOME_ROWS, LIMIT_TEXTS)


def leg_result(evidence: LegEvidence) -> LegVerdict:
    """Read how a leg ended with the current table; a trunk's own rows come before rows 5 to 11."""
    return CURRENT.read(evidence)


def should_fail_over(evidence: LegEvidence) -> bool:
    """Say whether the next try may follow the last one, which ended as `evidence` says (by the network).

    Only after a 5xx, transport, DNS, no channel or no provisional in time, only if it never rang, and not when the
    answer is about the called party (Q.850 says busy, or a trunk's own row reads it).
    """
    if evidence.rang or evidence.ended_by is not EndedBy.NETWORK or not evidence.tries:
        return False
    cause = evidence.tries[-1].cause
    if overriding(cause, evidence.overrides) is not None:
        return False
    is_server_error = cause.code is not None and FAILOVER_CODES[0] <= cause.code <= FAILOVER_CODES[1]
    if cause.cause not in FAILOVER_CAUSES and not is_server_error:
        return False
    return CURRENT.read(evidence).result not in _ABOUT_THE_PARTY


_ABOUT_THE_PARTY = frozenset({LegResult.BUSY, LegResult.REJECTED, LegResult.NO_ANSWER})


def is_ringing(code: int) -> bool:
    """Say whether a provisional is an 18x."""
    return _FIRST_RINGING <= code <= _LAST_RINGING


def is_trying(code: int) -> bool:
    """Say whether a provisional only says that the next hop has the INVITE."""
    return code == _TRYING


def overriding(cause: Cause, overrides: Sequence[OutcomeOverride]) -> OutcomeOverride | None:
    """Return the first row of the trunk that reads this cause."""
    for override in overrides:
        if override.sip is not None and override.sip == cause.code:
            return override
        if override.q850 is not None and override.q850 == cause.q850:
            return override
    return None


def _within(code: int | None, ranges: tuple[tuple[int, int], ...]) -> bool:
    return code is not None and any(first <= code <= last for first, last in ranges)
