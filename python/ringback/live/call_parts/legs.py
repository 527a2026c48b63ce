"""Which call an engine leg belongs to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringback.live.task import CallTask


class Leg:
    """An engine leg in use. `trunk` is the trunk whose slot it occupies, None for none."""

    __slots__ = ("engine_leg", "leg", "task", "trunk", "try_")

    def __init__(self, task: "CallTask", *, engine_leg: int, leg: int, try_: int, trunk: str | None) -> None:
        self.task = task
        self.engine_leg = engine_leg
        self.leg = leg
        self.try_ = try_
        self.trunk = trunk
