"""Write the documents generated from the product's own tables; `--check` only says whether they are current."""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))

from ringback.call import events, states  # noqa: E402  (found through the path above)
from ringback.call.catalogue import CATALOGUE, StatusInfo  # noqa: E402
from ringback.call.machine import ending  # noqa: E402
from ringback.call.outcome_table import LIMIT_TEXTS, OUTCOME_ROWS  # noqa: E402
from ringback.call.reasons import REASONS  # noqa: E402
from ringback.call.retry import LEAST_INTERVAL_S, RETRIED  # noqa: E402
from ringback.call.status import TABLE_VERSION  # noqa: E402
from ringback.call.status_table import ENDING_ROWS, STATUS_ROWS  # noqa: E402
from ringback.model.status import Kind  # noqa: E402

TEMPLATES = ROOT / "tools" / "templates"
_ROWS = {row.id: row for row in STATUS_ROWS}
_NOT_DRAWN = {events.FaultHappened, events.ShutDown, events.Noted}


def statuses() -> str:
    """Return docs/statuses.md."""
    template = (TEMPLATES / "statuses.md").read_text()
    return template.format(
        version=TABLE_VERSION,
        overview="\n".join(
            f"| [{info.status}](#{info.status.lower()}) | {info.meaning} | {_words(info.family)} | {_kinds(info)} |"
            for info in CATALOGUE
        ),
        statuses="\n\n".join(_status(info) for info in CATALOGUE),
        leg_results="\n".join(
            f"| `{row.id}` | {row.result} | `{row.reason}` | {row.sentence} |" for row in OUTCOME_ROWS
        ),
        limit_texts="\n".join(f"* `{text}`" for text in LIMIT_TEXTS),
        endings="\n".join(f"| `{row.id}` | {row.sentence} | `{row.reason}` | {row.hangup_by} |" for row in ENDING_ROWS),
        retried=", ".join(sorted(RETRIED)),
        least_interval=LEAST_INTERVAL_S,
        reasons="\n".join(f"| `{reason}` | {sentence} |" for reason, sentence in REASONS.items()),
    )


def call_machine() -> str:
    """Return docs/call-machine.md."""
    template = (TEMPLATES / "call-machine.md").read_text()
    return template.format(machines="\n\n".join(_machine(kind) for kind in Kind))


def _status(info: StatusInfo) -> str:
    rules = "\n".join(f"* `{rule}`: {_ROWS[rule].sentence} *({_ROWS[rule].source})*" for rule in info.rules)
    retried = "Tried again if attempts are left." if info.is_retried else "Not tried again."
    return (
        f"### {info.status}\n\n{info.meaning[0].upper()}{info.meaning[1:]}. For {_kinds(info)} calls; family "
        f"*{_words(info.family)}*. {retried}\n\n{rules}\n\n{info.not_instead} **Next:** {info.next_step}"
    )


def _machine(kind: Kind) -> str:
    table = states.TRANSITIONS[kind]
    arrows = {
        (state, target): None
        for state, row in table.items()
        for event, transition in row.items()
        if event not in _NOT_DRAWN
        for target in transition.to
        if target is not state
    }
    lines = [f"    {state} --> {target}: {', '.join(_causes(kind, state, target))}" for state, target in arrows]
    diagram = "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> new", *lines, "    final --> [*]", "```"])
    rows = "\n".join(line for state in table for line in _rows(kind, state))
    title = _words(kind).capitalize()
    return f"## {title}\n\n{diagram}\n\n| state | event | leads to |\n| --- | --- | --- |\n{rows}"


def _causes(kind: Kind, state: states.State, target: states.State) -> list[str]:
    return [
        event.__name__
        for event, transition in states.TRANSITIONS[kind][state].items()
        if target in transition.to and event not in _NOT_DRAWN
    ]


def _rows(kind: Kind, state: states.State) -> Iterator[str]:
    for event, transition in states.TRANSITIONS[kind][state].items():
        if transition.act is ending.ignored:
            leads = f"no effect: {transition.why}"
        else:
            leads = ", ".join(transition.to) + (f" ({transition.why})" if transition.why else "")
        yield f"| {state} | {event.__name__} | {leads} |"


def _kinds(info: StatusInfo) -> str:
    return ", ".join(_words(kind) for kind in info.kinds)


def _words(slug: str) -> str:
    return slug.replace("_", "-" if slug == Kind.CLICK_TO_CALL else " ")


DOCUMENTS = {"docs/statuses.md": statuses, "docs/call-machine.md": call_machine}


def main() -> int:
    """Write the documents, or with `--check` name those that are not current and return 1."""
    stale = []
    for name, make in DOCUMENTS.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text)
            print(f"wrote {name}")
    if stale and "--check" in sys.argv:
        print(f"not current: {', '.join(stale)}. Run: make docs")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
