r"""Patterns for digits: a small regular language that takes linear time, whatever is written and typed.

`0-9`, `\d` and `.` (any key), `\*` and `#` stand for keys; `[0-9]`, `[^0]` for one of several; `(12|34)` chooses;
`?`, `*`, `+`, `{2}`, `{2,}`, `{2,4}` repeat. A pattern matches the whole input. Python's `re` is not used: it needs
exponential time for patterns such as `(\d+)+0`.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

from ringback.flow import limits

KEYS = "0123456789*#ABCD"
_DIGITS = frozenset("0123456789")
_ANY = frozenset(KEYS)
_MAX_STATES = 5_000
_MAX_DEPTH = 20

# A program is a list of states: (keys, next states). `keys` None is a step without input.
_Program = list[tuple[frozenset[str] | None, tuple[int, ...]]]
_Ast = tuple[str, object]


class _Repeat(NamedTuple):
    atom: _Ast
    least: int
    most: int | None  # None is without end


class PatternError(ValueError):
    """The pattern is not one; the message says where."""


def matches(pattern: str, digits: str) -> bool:
    """Say whether the pattern matches all of the digits.

    Raises:
        PatternError: the pattern is not one.
    """
    program = compile_pattern(pattern)
    if len(digits) > limits.DIGITS:
        return False
    states = _closure(program, [0])
    for digit in digits:
        reached = (after for state in states if _takes(program, state, digit) for after in program[state][1])
        states = _closure(program, reached)
    return len(program) - 1 in states


@functools.lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> _Program:
    """Check a pattern and make it ready.

    Raises:
        PatternError: it has an unknown character, an open bracket, repeats too much, or is too long.
    """
    if len(pattern) > limits.PATTERN_CHARS:
        raise PatternError(f"the pattern is {len(pattern)} characters long, at most {limits.PATTERN_CHARS}")
    parser = _Parser(pattern)
    tree = parser.choice(depth=0)
    if parser.position < len(pattern):
        raise parser.error("`)` without `(`")
    program: _Program = []
    _emit(tree, program)
    program.append((None, ()))
    return program


class _Parser:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, message: str) -> PatternError:
        return PatternError(f"{message} at character {self.position + 1} of the pattern `{self.text}`")

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        key = self.peek()
        self.position += 1
        return key

    def choice(self, *, depth: int) -> _Ast:
        if depth > _MAX_DEPTH:
            raise self.error(f"groups are nested deeper than {_MAX_DEPTH}")
        branches = [self.sequence(depth=depth)]
        while self.peek() == "|":
            self.take()
            branches.append(self.sequence(depth=depth))
        return branches[0] if len(branches) == 1 else ("choice", branches)

    def sequence(self, *, depth: int) -> _Ast:
        parts: list[_Ast] = []
        while self.peek() not in {"", "|", ")"}:
            parts.append(self.repeated(self.atom(depth=depth)))
        return ("sequence", parts)

    def atom(self, *, depth: int) -> _Ast:
        key = self.peek()
        if key == "(":
            self.take()
            inner = self.choice(depth=depth + 1)
            if self.take() != ")":
                raise self.error("`(` without `)`")
            return inner
        if key == "[":
            return ("keys", self.bracket())
        if key == ".":
            self.take()
            return ("keys", _ANY)
        return ("keys", self.key())

    def key(self) -> frozenset[str]:
        key = self.peek()
        if key == "\\":
            self.take()
            escaped = self.take()
            if escaped == "d":
                return _DIGITS
            if escaped in _ANY:
                return frozenset(escaped)
            raise self.error(f"`\\{escaped}` is not known; there are \\d, \\* and \\#,")
        if key in _ANY and key not in {"*", ""}:
            return frozenset(self.take())
        raise self.error(f"`{key}` cannot stand here; keys are 0-9, \\*, # and A-D,")

    def bracket(self) -> frozenset[str]:
        self.take()
        negated = self.peek() == "^"
        if negated:
            self.take()
        keys: set[str] = set()
        while self.peek() not in {"]", ""}:
            first = frozenset(self.take()) if self.peek() == "*" else self.key()
            keys |= self.span(first) if self.peek() == "-" else first
        if self.take() != "]":
            raise self.error("`[` without `]`")
        if not keys:
            raise self.error("an empty `[]` matches nothing")
        return _ANY - keys if negated else frozenset(keys)

    def span(self, first: frozenset[str]) -> frozenset[str]:
        self.take()
        last = self.key()
        low, high = "".join(first), "".join(last)
        if not (low.isdigit() and high.isdigit() and len(low) == len(high) == 1 and low <= high):
            raise self.error("a span must go from a lower to a higher digit, such as 2-5,")
        return frozenset(str(digit) for digit in range(int(low), int(high) + 1))

    def repeated(self, atom: _Ast) -> _Ast:
        signs = {"?": (0, 1), "*": (0, None), "+": (1, None)}
        key = self.peek()
        if key in signs:
            self.take()
            return ("repeat", _Repeat(atom, *signs[key]))
        if key != "{":
            return atom
        end = self.text.find("}", self.position)
        low, comma, high = self.text[self.position + 1 : end].partition(",") if end >= 0 else ("", "", "")
        if not low.isascii() or not low.isdigit() or (high and not (high.isascii() and high.isdigit())):
            raise self.error("a repetition is written {2}, {2,} or {2,4}; it is wrong")
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if least > limits.DIGITS or (most is not None and not least <= most <= limits.DIGITS):
            raise self.error(f"a repetition must grow and be at most {limits.DIGITS}; it is wrong")
        self.position = end + 1
        return ("repeat", _Repeat(atom, least, most))


def _emit(tree: _Ast, program: _Program) -> None:
    """Append states that match `tree` and go on at the state after them."""
    if len(program) > _MAX_STATES:
        raise PatternError("the pattern repeats too much")
    kind, inside = tree
    match kind, inside:
        case "keys", frozenset() as keys:
            program.append((keys, (len(program) + 1,)))
        case "sequence", list() as parts:
            for part in parts:
                _emit(part, program)
        case "choice", list() as branches:
            _emit_choice(branches, program)
        case "repeat", _Repeat() as repeat:
            _emit_repeat(repeat, program)


def _emit_choice(branches: list[_Ast], program: _Program) -> None:
    fork = len(program)
    program.append((None, ()))
    starts, ends = [], []
    for branch in branches:
        starts.append(len(program))
        _emit(branch, program)
        ends.append(len(program))
        program.append((None, ()))
    program[fork] = (None, tuple(starts))
    for end in ends:
        program[end] = (None, (len(program),))


def _emit_repeat(repeat: _Repeat, program: _Program) -> None:
    for _ in range(repeat.least):
        _emit(repeat.atom, program)
    if repeat.most is None:
        fork = len(program)
        program.append((None, ()))
        _emit(repeat.atom, program)
        program.append((None, (fork,)))
        program[fork] = (None, (fork + 1, len(program)))
        return
    forks = []
    for _ in range(repeat.most - repeat.least):
        forks.append(len(program))
        program.append((None, ()))
        _emit(repeat.atom, program)
    for fork in forks:
        program[fork] = (None, (fork + 1, len(program)))


def _takes(program: _Program, state: int, digit: str) -> bool:
    keys = program[state][0]
    return keys is not None and digit in keys


def _closure(program: _Program, states: Iterable[int]) -> set[int]:
    """Add every state that is reached without input."""
    found: set[int] = set()
    open_ = list(states)
    while open_:
        state = open_.pop()
        if state in found:
            continue
        found.add(state)
        keys, after = program[state]
        if keys is None:
            open_.extend(after)
    return found
