"""gather: ask the caller for digits, check them, and branch on them."""

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from ringback.flow import limits
from ringback.flow.effects import DigitsGathered
from ringback.flow.effects import Gather as GatherEffect
from ringback.flow.pattern import PatternError, compile_pattern, matches
from ringback.flow.settings import Exits, Label, Name, Position, Prompts, Seconds
from ringback.flow.step import Leave, RunError, Turn, Wait
from ringback.flow.uses import IsOdd, IsWrong, SetsVariable, Use, plays
from ringback.flow.values import convert

WORDS = frozenset({"match", "no_input", "invalid"})
_KEY = re.compile(r"[0-9*#A-D]{1,64}")
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")

Digits = Annotated[int, Meta(ge=1, le=limits.DIGITS)]


class NumberRange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Digits read as a number must lie within `min` and `max`, both included."""

    min: Annotated[int, Meta(ge=0)] = 0
    max: Annotated[int, Meta(ge=0)] | None = None


class RetryPrompts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is said before the node's own prompt is repeated."""

    no_input: Prompts | None = None
    invalid: Prompts | None = None


class Gather(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="gather"
):
    """Play a prompt and collect digits.

    An exit may be a key (`1`, `*`, `42`), a range (`100-199`), or `match` (anything valid that no other exit names),
    `no_input` and
    `invalid`. Digits that are not valid, or that no exit takes, are asked for again, `retries` times.

    Attributes:
        min_digits: Fewer are invalid.
        max_digits: The input ends with this many, at most 64.
        terminator: Keys that end the input, such as `#`; empty for none. They are not part of the digits.
        first_timeout_s: Longest wait for the first digit after the prompt.
        inter_timeout_s: Longest wait between digits.
        retries: How often to ask again, 0-10.
        pattern: The digits must match it wholly (see `ringback.flow.pattern`).
        range: The digits as a number must lie in it.
        variable: Receives valid digits.
    """

    prompt: Prompts | None = None
    min_digits: Digits = 1
    max_digits: Digits = 1
    terminator: Annotated[str, Meta(max_length=4, pattern=r"^[0-9*#A-D]*$(?!\n)")] = "#"
    first_timeout_s: Seconds = 5
    inter_timeout_s: Seconds = 3
    barge_in: bool = True
    retries: Annotated[int, Meta(ge=0, le=10)] = 0
    retry_prompts: RetryPrompts = RetryPrompts()
    pattern: Annotated[str, Meta(min_length=1)] | None = None
    range: NumberRange | None = None
    variable: Name | None = None
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def exits(node: Gather) -> frozenset[str]:
    """List the exits that the node can take: the words, and the keys and ranges it has."""
    return WORDS | {name for name in node.exits if _KEY.fullmatch(name) or _RANGE.fullmatch(name)}


def uses(node: Gather) -> Iterator[Use]:
    """List what the settings refer to, and what is wrong with them."""
    yield from plays("prompt", node.prompt)
    yield from plays("retry_prompts.no_input", node.retry_prompts.no_input)
    yield from plays("retry_prompts.invalid", node.retry_prompts.invalid)
    if node.variable is not None:
        yield SetsVariable("variable", node.variable)
    if node.min_digits > node.max_digits:
        yield IsWrong("min_digits", f"{node.min_digits} is more than max_digits, which is {node.max_digits}")
    if node.pattern is not None:
        try:
            compile_pattern(node.pattern)
        except PatternError as error:
            yield IsWrong("pattern", str(error))
    if node.range is not None and node.range.max is not None and node.range.min > node.range.max:
        yield IsWrong("range.min", f"{node.range.min} is more than max, which is {node.range.max}")
    if node.retries == 0 and node.retry_prompts != RetryPrompts():
        yield IsOdd("retry_prompts", "they are never heard, because `retries` is 0")
    for name in node.exits:
        yield from _odd_exits(node, name)


def _odd_exits(node: Gather, name: str) -> Iterator[Use]:
    span = _RANGE.fullmatch(name)
    if span and (int(span[1]) > int(span[2]) or len(span[1]) > len(span[2])):
        yield IsWrong(f"exits.{name}", f"the range goes down; write it as {span[2]}-{span[1]}")
    elif (
        _KEY.fullmatch(name)
        and node.min_digits <= node.max_digits
        and not node.min_digits <= len(name) <= node.max_digits
        and name not in node.terminator
    ):
        many = node.min_digits if node.min_digits == node.max_digits else f"{node.min_digits} to {node.max_digits}"
        yield IsOdd(f"exits.{name}", f"it can never be taken: the node asks for {many} digits")


def enter(node: Gather, turn: Turn) -> Wait:
    """Ask for the first time."""
    return _ask(node, turn, before=None, tries=1)


def resume(node: Gather, turn: Turn, done: DigitsGathered) -> Wait | Leave:
    """Take what was typed, or ask again."""
    tries = int(turn.memory.get("tries", 1))
    if done.result == "failed":
        note = "the digits could not be collected" + (f": {done.detail}" if done.detail else "")
        return _leave(node, "no_input", digits="", tries=tries, note=note, turn=turn)
    exit_ = _exit(node, done)
    if exit_ in {"no_input", "invalid"}:
        if tries <= node.retries:
            before = node.retry_prompts.no_input if exit_ == "no_input" else node.retry_prompts.invalid
            return _ask(node, turn, before=before, tries=tries + 1)
        return _leave(node, exit_, digits=done.digits, tries=tries, note="", turn=turn)
    return _leave(node, exit_, digits=done.digits, tries=tries, note="", turn=turn)


def _ask(node: Gather, turn: Turn, *, before: Prompts | None, tries: int) -> Wait:
    effect = GatherEffect(
        number=turn.number,
        prompts=turn.prompts(before) + turn.prompts(node.prompt),
        min_digits=node.min_digits,
        max_digits=node.max_digits,
        terminators=node.terminator,
        first_timeout_ms=round(node.first_timeout_s * 1000),
        inter_timeout_ms=round(node.inter_timeout_s * 1000),
        barge_in=node.barge_in,
    )
    return Wait(effect=effect, memory={"tries": tries})


def _exit(node: Gather, done: DigitsGathered) -> str:
    """Choose the exit: key, range, match, else invalid."""
    digits = done.digits[: limits.DIGITS]
    if not digits:
        return done.terminator if done.terminator and done.terminator in node.exits else "no_input"
    if digits in node.exits and _KEY.fullmatch(digits):
        return digits
    if len(digits) < node.min_digits or not _is_valid(node, digits):
        return "invalid"
    for name in node.exits:
        span = _RANGE.fullmatch(name)
        if (
            span
            and digits.isdigit()
            and len(span[1]) <= len(digits) <= len(span[2])
            and int(span[1]) <= int(digits) <= int(span[2])
        ):
            return name
    return "match" if "match" in node.exits or not exits(node) - WORDS else "invalid"


def _is_valid(node: Gather, digits: str) -> bool:
    if node.pattern is not None and not matches(node.pattern, digits):
        return False
    if node.range is None:
        return True
    if not digits.isdigit():
        return False
    return node.range.min <= int(digits) and (node.range.max is None or int(digits) <= node.range.max)


def _leave(node: Gather, exit_: str, *, digits: str, tries: int, note: str, turn: Turn) -> Leave:
    variable = turn.scope.declared[node.variable] if node.variable else None
    changed = {}
    if node.variable and variable and exit_ not in {"no_input", "invalid"}:
        try:
            changed[node.variable] = convert(digits, variable.type)
        except ValueError as error:
            raise RunError(f"`{node.variable}` cannot hold the digits: {error}") from None
    return Leave(
        exit=exit_,
        changed=changed,
        result={"digits": digits, "result": exit_, "tries": tries},
        note=note or (f"asked {tries} times" if tries > 1 else ""),
        secret=bool(variable and variable.secret),
    )
