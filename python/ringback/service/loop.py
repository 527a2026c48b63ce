"""The process as a place to run: event loop, interpreter lock, garbage collector. Figures: `docs/performance.md`."""

import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

_SWITCH_S = 0.0005
"""How long a thread keeps the interpreter's lock while another wants it. The journal writer takes it per statement:
at Python's 5 ms a busy loop would stretch each commit by tens of milliseconds."""

_YOUNG_OBJECTS = 10_000
"""Objects made before young ones are looked through. Python's 700 are less than the events of one busy moment."""


def run_in_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in the process's one loop, which `uvloop` makes."""
    sys.setswitchinterval(_SWITCH_S)
    return uvloop.run(main)


def settle_memory() -> None:
    """Tell the collector, once everything is loaded, that what is there stays: it need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 50, 100)
