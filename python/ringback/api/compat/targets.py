"""Reads `target`: a flow id, a sound id, the URL of a remote flow, or JSON with one `message`, `sound` or `flow`."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ringback.api.body import decode_json
from ringback.api.collect import Faults
from ringback.api.compat.callbacks import check_url
from ringback.api.problems import ProblemError
from ringback.model.call import FlowTarget, MessageTarget, SoundTarget, Target

Id = Annotated[str, Meta(min_length=1, max_length=100)]


class _Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=4_000)]
    language: Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en-US"
    speed: Literal["x-slow", "slow", "medium", "fast", "x-fast"] = "medium"


class _Sound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id


class _Flow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Id | None = None
    url: Annotated[str, Meta(max_length=2_048)] | None = None


class _Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message: _Message | None = None
    sound: _Sound | None = None
    flow: _Flow | None = None


def read_target(raw: str | list[Any] | dict[str, Any], faults: Faults) -> Target | None:
    """Return the target, or None with the faults noted."""
    if isinstance(raw, str):
        text = raw.strip()
        if not text.startswith(("[", "{")):
            return _read_bare(text, faults)
        try:
            raw = decode_json(text, what="`target`")
        except ProblemError as error:
            faults.add("target", error.detail)
            return None
    items = raw if isinstance(raw, list) else [raw]
    if len(items) != 1:
        faults.add("target", f"must hold exactly one message, sound or flow, not {len(items)}")
        return None
    try:
        return _from_item(msgspec.convert(items[0], _Item), faults)
    except msgspec.ValidationError as error:
        faults.add("target", str(error).replace("`$.", "`").replace("`$`", "`target`"))
        return None


def _read_bare(text: str, faults: Faults) -> Target | None:
    if not text or len(text) > 2_048:  # noqa: PLR2004
        faults.add("target", "must name a flow, a sound or a URL, or be JSON with a message, sound or flow")
        return None
    if "://" in text:
        return FlowTarget(url=text) if check_url(text, "target", faults) else None
    if text.startswith("sound_"):
        return SoundTarget(sound_id=text)
    return FlowTarget(flow_id=text)


def _from_item(item: _Item, faults: Faults) -> Target | None:
    given = [choice for choice in (item.message, item.sound, item.flow) if choice is not None]
    if len(given) != 1:
        faults.add("target", "must hold exactly one of `message`, `sound` and `flow`")
        return None
    match given[0]:
        case _Message() as message:
            return MessageTarget(text=message.text, language=message.language, speed=message.speed)
        case _Sound(id=sound_id):
            return SoundTarget(sound_id=sound_id)
        case _Flow(id=flow_id, url=url):
            return _from_flow(flow_id, url, faults)


def _from_flow(flow_id: str | None, url: str | None, faults: Faults) -> Target | None:
    if (flow_id is None) == (url is None):
        faults.add("target.flow", "must have either `id` or `url`")
        return None
    if url is not None and not check_url(url, "target.flow.url", faults):
        return None
    return FlowTarget(flow_id=flow_id, url=url)
