"""docs/flows.md is complete, and every example in it is true."""

import json
import re
import typing
from pathlib import Path

import msgspec
import pytest

from ringback.flow import limits
from ringback.flow.check import check
from ringback.flow.document import Document
from ringback.flow.nodes import KINDS
from ringback.flow.nodes.condition import Operator
from ringback.flow.scope import CALL_FIELDS, CALLER_FIELDS, FLOW_FIELDS, NOW_FIELDS
from ringback.flow.settings import PromptSpec, Variable
from ringback.flow.values import ValueType
from ringback.testing.flow_files import run_test_file

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "flows.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
JSON_BLOCKS = [json.loads(source) for language, source in BLOCKS if language == "json"]
SHARED = {"exits", "label", "at"}
DECLARED = {
    name: {"type": kind}
    for name, kind in {
        "order": "text",
        "agents": "list",
        "token": "text",
        "name": "text",
        "balance": "number",
        "greeting": "text",
        "tries": "number",
        "items": "list",
    }.items()
}


def section(heading):
    """The text under a heading, to the next of the same or a higher level."""
    level = heading.split()[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"docs/flows.md has no heading {heading!r}"
    return found[1]


def as_document(example):
    """Put a node into a flow in which everything that it leads to exists."""
    if "nodes" in example:
        return example
    ends = {target: {"type": "answer"} for target in example.get("exits", {}).values()}
    others = {"menu": {"type": "gather", "exits": {"1": "shown", "no_input": "shown"}}}
    return {
        "name": "example",
        "start": "menu",
        "variables": DECLARED,
        "nodes": {**others, "shown": example, **ends},
    }


def test_there_are_examples():
    assert len(JSON_BLOCKS) >= 10


@pytest.mark.parametrize(
    "example", [block for block in JSON_BLOCKS if "tests" not in block], ids=lambda block: block.get("type", "document")
)
def test_every_example_passes_the_checker(example):
    problems = check(as_document(example)).problems

    assert [(problem.path, problem.message) for problem in problems] == []


@pytest.mark.parametrize("source", [source for language, source in BLOCKS if language == "python"])
def test_every_python_example_runs(source, monkeypatch):
    monkeypatch.chdir(ROOT)

    exec(compile(source, "docs/flows.md", "exec"), {})


@pytest.mark.parametrize("example", [block for block in JSON_BLOCKS if "tests" in block])
def test_every_test_file_passes(example, tmp_path):
    (tmp_path / "office.json").write_bytes((ROOT / "tests" / "data" / "flows" / "office.json").read_bytes())
    (tmp_path / "office.test.json").write_text(json.dumps(example))

    assert [result.failure for result in run_test_file(tmp_path / "office.test.json")] == [""]


@pytest.mark.parametrize("kind", KINDS)
def test_every_node_type_is_described_with_its_settings_exits_and_results(kind):
    described = section(f"### {kind}")
    settings = {field.encode_name for field in msgspec.structs.fields(KINDS[kind].settings)} - SHARED

    missing = {name for name in settings if f"`{name}`" not in described}
    assert missing == set()
    for name in KINDS[kind].results:
        assert f".{name}`" in described, name
    example = KINDS[kind].settings
    exits = typing.get_type_hints(example).get("exits")
    for name in KINDS[kind].wanted | (
        {"next"} if exits and KINDS[kind].skip_exit == "next" and not KINDS[kind].wanted else set()
    ):
        assert f"`{name}`" in described, name


def test_no_node_type_is_described_that_does_not_exist():
    assert re.findall(r"^### (\w+)$", section("## Node types"), re.MULTILINE) == list(KINDS)


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("## The document", [field.encode_name for field in msgspec.structs.fields(Document)]),
        ("## Prompts", [field.encode_name for field in msgspec.structs.fields(PromptSpec)]),
        ("### condition", [str(operator) for operator in Operator]),
        ("## Variables", [*map(str, ValueType), *CALL_FIELDS, *CALLER_FIELDS, *NOW_FIELDS, *FLOW_FIELDS]),
        ("## Variables", [name for name in ("default", "secret") if name in Variable.__struct_fields__]),
    ],
)
def test_every_name_is_described(heading, names):
    described = section(heading)

    assert [name for name in names if f"`{name}`" not in described] == []


@pytest.mark.parametrize(
    "bound",
    [
        limits.STEPS,
        limits.JUMPS,
        limits.WORK,
        limits.TEXT_CHARS,
        limits.EXPRESSION_CHARS,
        limits.TEMPLATE_OPERATORS,
        limits.DIGITS,
        limits.VALUE_CHARS,
        limits.VALUE_ITEMS,
        limits.VALUE_DEPTH,
        limits.STATE_CHARS,
    ],
)
def test_every_bound_is_written_as_it_is(bound):
    assert re.search(rf"\| [^|]*\b{bound:,}\b", section("## Bounds"))
