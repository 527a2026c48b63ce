"""Flow tests as JSON files, for those who do not write Python: a list of calls, each with steps and what is expected.

{"flow": "office.json",
"tests": [{"name": "sales is busy",
"caller": "+4915112345678", "at": "2026-01-05T10:00:00+01:00",
"steps": [{"hears": "Press 1"}, {"presses": "1"}, {"connects": "busy"}, {"hears": "call back"}],
"expect": {"ended": "end", "trail": ["menu:1", "sales:busy", "sorry:next"], "status": "FLOW_ANSWER"}}]}
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from ringback.testing.flows import DEFAULT_AT, FlowCall, load


class Hears(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The caller heard this, in this order."""

    hears: str | list[str]


class Presses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The caller presses keys."""

    presses: str


class Silent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The caller presses nothing in time."""

    stays_silent: bool


class Connects(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the party that is called does."""

    connects: str
    talk_s: float = 30.0


class Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What another system answers."""

    status_code: int | None = 200
    body: Any = None
    error: str = ""


class ApiReplies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reply to the request that the flow waits for."""

    api_replies: Reply


class Waits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time goes by."""

    waits_s: float


class HangsUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The caller hangs up."""

    hangs_up: bool


STEPS: dict[str, type[Struct]] = {
    "hears": Hears,
    "presses": Presses,
    "stays_silent": Silent,
    "connects": Connects,
    "api_replies": ApiReplies,
    "waits_s": Waits,
    "hangs_up": HangsUp,
}


class Expected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has to be true at the end; what is left out is not looked at."""

    ended: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    trail: list[str] | UnsetType = UNSET
    variables: dict[str, Any] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)


class FlowTest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call."""

    name: str
    caller: str = "+4915112345678"
    to: str = "+4930123456"
    at: str = DEFAULT_AT
    kind: str = "incoming"
    variables: dict[str, Any] = field(default_factory=dict)
    apis: dict[str, Reply] = field(default_factory=dict)
    parties: dict[str, str] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    expect: Expected = Expected()


class FlowTestFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test file. `flow` is a path relative to it."""

    flow: str
    tests: Annotated[list[FlowTest], Meta(min_length=1)]


class TestResult(Struct, frozen=True, kw_only=True):
    """How one test went; `failure` is empty if it passed."""

    __test__ = False  # pytest would take it for a test

    name: str
    failure: str = ""


def run_test_file(path: Path) -> list[TestResult]:
    """Run all tests of a file.

    Raises:
        ValueError: The file is not a test file; the message says where.
        OSError: It, or the flow, cannot be read.
        AssertionError: The flow has errors.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=FlowTestFile)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    document = load(path.parent / file.flow)
    return [TestResult(name=test.name, failure=_failure(test, document)) for test in file.tests]


def _failure(test: FlowTest, document: Any) -> str:
    """Run one test; say what went wrong, nothing if it passed."""
    where = "start"
    try:
        call = FlowCall(
            document,
            caller=test.caller,
            to=test.to,
            at=test.at,
            kind=test.kind,
            variables=test.variables,
            apis={node: msgspec.structs.asdict(reply) for node, reply in test.apis.items()},
            parties=test.parties,
        )
        for number, raw in enumerate(test.steps, 1):
            where = f"step {number}"
            _take_step(call, raw)
        where = "expect"
        _compare(call, test.expect)
    except (AssertionError, ValueError) as error:
        return f"{where}: {error}"
    return ""


def _take_step(call: FlowCall, raw: dict[str, Any]) -> None:
    kind = next((STEPS[name] for name in raw if name in STEPS), None)
    if kind is None:
        raise ValueError(f"a step is one of {', '.join(STEPS)}; this has {', '.join(raw) or 'nothing'}")
    step = msgspec.convert(raw, kind)
    match step:
        case Hears(hears=str() as text):
            call.hears(text)
        case Hears(hears=list() as texts):
            call.hears(*texts)
        case Presses(presses=keys):
            call.presses(keys)
        case Silent():
            call.stays_silent()
        case Connects(connects=result, talk_s=talk_s):
            call.connects(result, talk_s=talk_s)
        case ApiReplies(api_replies=reply):
            call.api_replies(reply.status_code, reply.body, error=reply.error)
        case Waits(waits_s=seconds):
            call.waits(seconds)
        case HangsUp():
            call.hangs_up()


def _compare(call: FlowCall, expected: Expected) -> None:
    wanted = {"ended": expected.ended, "trail": expected.trail, "status": expected.status}
    for name, value in wanted.items():
        if value is not UNSET and (actual := getattr(call, name)) != value:
            raise AssertionError(f"{name} is {actual!r}, expected {value!r}; {call.waits_for}")
    for name, value in expected.variables.items():
        if call.variables.get(name) != value:
            raise AssertionError(f"the variable `{name}` is {call.variables.get(name)!r}, expected {value!r}")
    for text in expected.heard:
        if not any(text in said for said in call.heard):
            raise AssertionError(f"{text!r} was not heard; heard: {call.heard}")
