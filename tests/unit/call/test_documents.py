"""The generated documents are current, and name everything they must."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from ringback.call.outcome_table import OUTCOME_ROWS
from ringback.call.reasons import REASONS
from ringback.call.states import TRANSITIONS
from ringback.call.status_table import STATUS_ROWS
from ringback.model.status import Status

ROOT = Path(__file__).resolve().parents[3]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()


@pytest.mark.parametrize("name", GENERATOR.DOCUMENTS)
def test_document_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == GENERATOR.DOCUMENTS[name](), "run: make docs"


def test_every_status_row_and_reason_is_documented() -> None:
    text = GENERATOR.statuses()

    for status in Status:
        assert f"\n### {status}\n" in text
    for name in (*(row.id for row in STATUS_ROWS if row.entry), *(row.id for row in OUTCOME_ROWS), *REASONS):
        assert f"`{name}`" in text


def test_every_state_and_event_is_documented() -> None:
    text = GENERATOR.call_machine()

    for table in TRANSITIONS.values():
        for state, row in table.items():
            for event in row:
                assert f"| {state} | {event.__name__} |" in text
