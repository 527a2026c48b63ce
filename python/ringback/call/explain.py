"""A final status in words: why this one, what shows it, why not its neighbours, what to do next."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from ringback.call.advice import advise
from ringback.call.catalogue import BY_STATUS
from ringback.call.outcome_table import OUTCOME_ROWS
from ringback.call.reasons import REASONS
from ringback.call.status_table import STATUS_ROWS
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import Kind

_LONGEST_WORDS = 200  # of foreign text (SIP phrases, error texts) in an explanation


class Explanation(Struct, frozen=True, kw_only=True):
    """The parts of an explanation; `text` puts them together."""

    why: str
    reason: str
    evidence: tuple[str, ...]
    not_instead: str
    next_step: str

    @property
    def text(self) -> str:
        """The explanation as one paragraph."""
        shown = "; ".join(self.evidence)
        evidence = f" Evidence: {shown}." if shown else ""
        reason = f" {self.reason}" if self.reason else ""
        return f"{self.why}{reason}{evidence} {self.not_instead} Next: {self.next_step}"


def explain(kind: Kind, entries: Sequence[Entry], verdict: Verdict) -> Explanation:
    """Explain a verdict out of the journal it rests on."""
    info = BY_STATUS[verdict.status]
    row_words = _STATUS_SENTENCES.get(verdict.rule, f"The call ended as {verdict.status}: {info.meaning}.")
    leg_words = [
        _LEG_SENTENCES[rule]
        for entry in entries
        if entry.seq in verdict.evidence and (rule := entry.data.get("rule")) in _LEG_SENTENCES
    ]
    if verdict.rule in _SAYS_IT_ALL:
        reason = ""
    elif leg_words and verdict.rule not in _ANSWERED:
        reason = leg_words[-1]
    else:
        reason = REASONS.get(verdict.reason, "")
    shown = set(verdict.evidence)
    not_instead, next_step = advise(verdict.status, kind, verdict.reason)
    return Explanation(
        why=row_words,
        reason=reason,
        evidence=tuple(words(entry) for entry in entries if entry.seq in shown and entry.kind in _WORDS),
        not_instead=not_instead or info.not_instead,
        next_step=next_step or info.next_step,
    )


def words(entry: Entry) -> str:
    """Say in a few words what a journal entry tells, with its number."""
    say = _WORDS.get(entry.kind)
    return f"{say(entry.data) if say else entry.kind.replace('_', ' ')} (entry {entry.seq})"


def _cause(data: dict[str, Any]) -> str:
    cause = data.get("cause") or {}
    parts = [cause.get("cause", "unknown")]
    if cause.get("code"):
        parts = [str(cause["code"]), cause.get("phrase") or ""]
    if cause.get("q850"):
        parts.append(f"with Q.850 cause {cause['q850']}")
    return " ".join(part for part in parts if part)[:_LONGEST_WORDS]


def _tried(data: dict[str, Any]) -> str:
    return f"leg {data['leg']}, try {data['try']} over {data.get('trunk', 'a trunk')} ended: {_cause(data)}"


def _sip(data: dict[str, Any]) -> str:
    return f"leg {data['leg']} said {data['code']} {data.get('phrase', '')}".rstrip()[:_LONGEST_WORDS]


def _refused(data: dict[str, Any]) -> str:
    detail = f": {data['detail']}" if data.get("detail") else ""
    return f"the check {data['check']} failed{detail}"[:_LONGEST_WORDS]


def _left(data: dict[str, Any]) -> str:
    return f"the caller left ({str(data.get('how', 'unknown')).replace('_', ' ')})"


_WORDS: dict[EntryKind, Callable[[dict[str, Any]], str]] = {
    EntryKind.REFUSED: _refused,
    EntryKind.QUEUE_TIMED_OUT: lambda data: f"the waiting time was up ({data.get('why')})",
    EntryKind.PROGRESS: _sip,
    EntryKind.TRY_FAILED: _tried,
    EntryKind.LEG_ANSWERED: _sip,
    EntryKind.RING_TIMED_OUT: lambda data: f"the {data.get('which')} ring time of leg {data.get('leg')} was up",
    EntryKind.LEG_RESULT: lambda data: f"leg {data['leg']} read as {data['result']} by rule {data['rule']}",
    EntryKind.LEG_ENDED: lambda data: f"leg {data['leg']} ended: {_cause(data)}",
    EntryKind.CALLER_LEFT: _left,
    EntryKind.CANCEL_ACCEPTED: lambda data: f"a cancel was accepted from {data.get('by')}",
    EntryKind.HANGUP: lambda data: f"we hung up ({str(data.get('why')).replace('_', ' ')})",
    EntryKind.ANSWER_CONFIRMED: lambda data: f"the caller's side confirmed our answer ({data.get('how')})",
    EntryKind.MISS_CALL_OVER: lambda _: "the miss-call seconds were over",
    EntryKind.FLOW_ENDED: lambda data: f"the flow ended ({data.get('how')})",
    EntryKind.FLOW_FAILED: lambda data: f"the flow failed: {data.get('error', '')}"[:_LONGEST_WORDS],
    EntryKind.CRASH_RULE: lambda data: f"the crash rule was applied ({str(data.get('why')).replace('_', ' ')})",
}

_STATUS_SENTENCES = {row.id: row.sentence for row in STATUS_ROWS}
_LEG_SENTENCES = {row.id: row.sentence for row in OUTCOME_ROWS}
_ANSWERED = frozenset({"ob-answer", "c2c-answer", "in-flow-answer"})
# Rows with one reason of their own: their sentence is all there is to say.
_SAYS_IT_ALL = frozenset(
    row.id
    for row in STATUS_ROWS
    if row.id not in _ANSWERED and (not row.reason.startswith("$") or len(row.where.get("check", ())) == 1)
)
