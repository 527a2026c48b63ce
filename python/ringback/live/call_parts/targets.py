"""What a call runs besides the account's published flows: sounds and messages as flows of one node."""

from ringback.flow.document import Document, start_node
from ringback.flow.nodes.play import Play
from ringback.flow.settings import PromptSpec
from ringback.live.flow_driver import FlowSource
from ringback.model.call import CallRequest, FlowTarget, MessageTarget, SoundTarget

_WORDS_PER_MINUTE = {"x-slow": 90, "slow": 130, "medium": 160, "fast": 200, "x-fast": 250}
"""A message's `speed`, named as SSML's prosody rates."""


def has_remote_flow(request: CallRequest) -> bool:
    """Say whether the flow has to be fetched from an address."""
    return isinstance(request.target, FlowTarget) and request.target.url is not None


def implicit_flow(target: SoundTarget | MessageTarget | None) -> FlowSource | None:
    """Return the flow that plays a sound or speaks a text, and then hangs up; None for no target (click-to-call)."""
    match target:
        case SoundTarget():
            prompt, name = PromptSpec(sound=target.sound_id), "sound"
        case MessageTarget():
            rate = _WORDS_PER_MINUTE.get(target.speed, _WORDS_PER_MINUTE["medium"])
            prompt, name = PromptSpec(text=target.text, language=target.language, rate=rate), "message"
        case None:
            return None
    document = Document(name=name, nodes={"play": Play(prompt=prompt)})
    return FlowSource(flow_id=None, version=None, document=document)


def wants_recording(request: CallRequest, source: FlowSource | None) -> bool:
    """Say whether the whole call is to be recorded: by the request or by the flow."""
    return request.record or (source is not None and start_node(source.document).record)
