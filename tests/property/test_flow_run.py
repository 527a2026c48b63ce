"""Random flows under random inputs: each step waits or ends once, nothing is raised, a replay gives the same."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.flow.check import check
from ringback.flow.document import parse
from ringback.flow.effects import (
    AnswerCall,
    CallAnswered,
    CallHttp,
    Connect,
    ConnectDone,
    DigitsGathered,
    End,
    Fail,
    Gather,
    HangUp,
    HttpDone,
    Play,
    PlayDone,
    Started,
    Trail,
)
from ringback.flow.run import begin, run
from ringback.flow.state import FlowState, Waiting

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
IDS = [f"n{i}" for i in range(4)]
VARIABLES = {
    "t": {"type": "text", "default": "x"},
    "n": {"type": "number", "default": 1},
    "b": {"type": "boolean"},
    "l": {"type": "list", "default": ["a"]},
    "r": {"type": "record", "default": {"k": 1}},
    "secret": {"type": "text", "secret": True},
}
WAITS = {
    Play: Waiting.PLAY,
    Gather: Waiting.GATHER,
    Connect: Waiting.CONNECT,
    CallHttp: Waiting.HTTP,
    AnswerCall: Waiting.ANSWER,
}
ENDS = (End, HangUp, Fail)

targets = st.sampled_from(IDS)
templates = st.sampled_from(
    [
        "hello",
        "{{ t }}",
        "{{ n + 1 }}",
        "{{ r.k }}",
        "{{ r.zz }}",
        "{{ l|join(',') }}",
        "{{ nodes.n0 }}",
        "{{ caller.number }}",
        "{{ now.hour }}",
        "{{ t * 3000 }}",
        "{% for i in range(5000) %}{{ t }}{% endfor %}",
        "+49301234567",
        "https://example.com/{{ t|urlencode }}",
        "{{ secret }}",
        "",
    ]
)
filled = templates.filter(bool)
expressions = st.sampled_from(
    ["n > 1", "t == 'x'", "r.zz", "n / 0", "t", "l|length", "b", "n + 1", "range(10)|sum", "r"]
)
variables = st.sampled_from(list(VARIABLES))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def exits(*names):
    return st.dictionaries(st.sampled_from(names), targets, max_size=len(names))


def node(kind, *names, **optional):
    required = {name: optional.pop(name) for name in optional.pop("required", ())}
    fields = {"exits": exits(*names), **optional} if names else optional
    return st.fixed_dictionaries({"type": st.just(kind), **required}, optional=fields)


rules = st.fixed_dictionaries({"exit": st.sampled_from("ab"), "expression": expressions}) | st.fixed_dictionaries(
    {
        "exit": st.sampled_from("ab"),
        "field": st.sampled_from(["t", "n", "l", "caller.number", "r.k.z"]),
        "operator": st.sampled_from(["equals", "less", "contains", "is_empty", "starts_with"]),
        "value": st.none() | st.integers(0, 9) | st.sampled_from(["x", "{{ t }}", "{{ r.zz }}"]),
    }
)
nodes = st.one_of(
    node("start", "next"),
    node("answer", "next"),
    node("play", "next", required=["prompt"], prompt=filled, loop=st.integers(0, 2)),
    node(
        "gather",
        *("1", "2", "10-20", "match", "no_input", "invalid"),
        prompt=filled,
        max_digits=st.integers(1, 4),
        retries=st.integers(0, 3),
        variable=variables,
        pattern=st.sampled_from(["[1-5]+", r"\d{2}"]),
    ),
    node(
        "connect",
        *("answered", "busy", "no_answer", "rejected", "failed"),
        required=["to"],
        to=templates | st.lists(templates, min_size=1, max_size=3),
        caller_id=templates,
    ),
    node("hangup", prompt=filled),
    node(
        "api",
        *("success", "failure"),
        required=["url"],
        url=st.sampled_from(["https://example.com", "{{ t }}", "https://x/{{ r.zz }}"]),
        headers=st.dictionaries(st.sampled_from(["X-A", "X-B"]), templates, max_size=2),
        json=json_values.filter(lambda value: "{" not in repr(value)) | st.just({"a": ["{{ t }}"]}),
        save=st.dictionaries(variables, st.sampled_from(["body.x", "body.x?", "status_code", "body[0]", "body"])),
    ),
    node("condition", "a", "b", "else", required=["rules"], rules=st.lists(rules, min_size=1, max_size=3)).map(
        lambda raw: raw | {"exits": {k: v for k, v in raw.get("exits", {}).items() if k in {"else", *_exits(raw)}}}
    ),
    node(
        "set",
        "next",
        required=["values"],
        values=st.dictionaries(variables, templates | st.integers() | st.lists(st.text(max_size=3)), min_size=1),
        expressions=st.dictionaries(variables, expressions),
    ),
    node(
        "date_time",
        *("match", "no_match"),
        required=["time_zone", "hours"],
        time_zone=st.sampled_from(["UTC", "Europe/Berlin"]),
        hours=st.just([{"from": "09:00", "to": "17:00"}]),
        holidays=st.just({"country": "DE"}),
    ),
    st.fixed_dictionaries({"type": st.just("jump"), "to": targets}),
    node("log", "next", required=["message"], message=templates),
)
documents = st.fixed_dictionaries(
    {
        "name": st.just("random"),
        "start": targets,
        "nodes": st.fixed_dictionaries(dict.fromkeys(IDS, nodes)),
        "variables": st.just(VARIABLES),
    }
)
inputs = st.one_of(
    st.tuples(st.just(CallAnswered), st.fixed_dictionaries({})),
    st.tuples(
        st.just(PlayDone),
        st.fixed_dictionaries({"result": st.sampled_from(["done", "digit", "stopped", "failed", "?"])}),
    ),
    st.tuples(
        st.just(DigitsGathered),
        st.fixed_dictionaries(
            {
                "digits": st.text("0123456789*#A", max_size=70),
                "result": st.sampled_from(["match", "no_input", "too_few", "failed"]),
            },
            optional={"terminator": st.sampled_from(["#", "*"])},
        ),
    ),
    st.tuples(
        st.just(ConnectDone), st.fixed_dictionaries({"result": st.sampled_from(["answered", "busy", "failed", "?"])})
    ),
    st.tuples(
        st.just(HttpDone),
        st.fixed_dictionaries(
            {"status_code": st.none() | st.integers(100, 599), "body": json_values | st.just({"x": "5"})},
            optional={"error": st.text(max_size=5)},
        ),
    ),
)
offsets = st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1])


def _exits(raw):
    return [rule["exit"] for rule in raw["rules"]]


def expected_input(waiting):
    """The input that the run waits for, made to fit whatever was drawn."""
    return {
        Waiting.ANSWER: CallAnswered,
        Waiting.PLAY: PlayDone,
        Waiting.GATHER: DigitsGathered,
        Waiting.CONNECT: ConnectDone,
        Waiting.HTTP: HttpDone,
    }.get(waiting)


def sound(document):
    result = check(document)
    assert result.is_ok, result.problems
    return parse(msgspec.json.encode(document))


def check_step(state, effects):
    """A step that did something ends in exactly one wait or one end, and the state says the same."""
    if not effects:
        return
    *before, last = effects
    assert all(isinstance(effect, Trail) for effect in before)
    if isinstance(last, ENDS):
        assert state.waiting is Waiting.OVER
        return
    assert state.waiting is WAITS[type(last)]
    if not isinstance(last, AnswerCall):
        assert last.number == state.number


def walk(document, start, script):
    """Give a document inputs; return every state and effect."""
    state = begin(document)
    history = []
    for given_ in [start, *script]:
        if callable(given_):
            given_ = given_(state)  # noqa: PLW2901
        state, effects = run(document, state, given_)
        check_step(state, effects)
        history.append((given_, state, effects))
    return history


def make_input(drawn, offset, step):
    """An input whose number fits the state, or is off by `offset`."""
    kind, fields = drawn

    def make(state):
        wanted = expected_input(state.waiting)
        at = AT + timedelta(seconds=step)
        if kind is CallAnswered or wanted is CallAnswered:
            return CallAnswered(at=at)
        if kind is not wanted and offset == 0 and wanted is not None:
            default = {
                PlayDone: {"result": "done"},
                DigitsGathered: {"digits": "1", "result": "match"},
                ConnectDone: {"result": "busy"},
                HttpDone: {"status_code": 200, "body": {"x": 1}},
            }
            return wanted(at=at, number=state.number, **default[wanted])
        return kind(at=at, number=state.number + offset, **fields)

    return make


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    documents,
    st.booleans(),
    st.booleans(),
    st.dictionaries(st.sampled_from(["t", "n", "other", "call", "caller", "call.id"]), json_values, max_size=3),
    st.lists(st.tuples(inputs, offsets), max_size=15),
)
def test_each_step_waits_or_ends_once_and_a_replay_gives_the_same(raw, answered, without_call, own, drawn):
    document = sound(raw)
    start = Started(at=AT, answered=answered, without_call=without_call, variables=own)
    script = [make_input(one, offset, step) for step, (one, offset) in enumerate(drawn)]

    history = walk(document, start, script)

    assert history[0][2], "the first step always does something"
    ended = [effects for _, _, effects in history if effects and isinstance(effects[-1], ENDS)]
    assert len(ended) <= 1
    replayed = walk(document, history[0][0], [given_ for given_, _, _ in history[1:]])
    assert replayed == history
    final = history[-1][1]
    assert msgspec.json.decode(msgspec.json.encode(final), type=FlowState) == final


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents, st.text("0123456789", min_size=6, max_size=6))
def test_a_secret_never_shows_in_the_trail(raw, secret):
    document = sound(raw)
    start = Started(at=AT, answered=True, variables={"secret": f"S{secret}"})

    history = walk(document, start, [make_input((PlayDone, {"result": "done"}), 0, 0)] * 10)

    copied = any(
        "{{ secret }}" in repr(node_.get("values")) for node_ in raw["nodes"].values()
    )  # an author may copy a secret into a variable that is none
    trail = [effect for _, _, effects in history for effect in effects if isinstance(effect, Trail)]
    assert copied or f"S{secret}" not in repr(trail)
