"""Reads from `/proc` what a process costs, and says what machine this is."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_ENGINE_THREADS = ("rb-", "media-")


@dataclass
class Spent:
    """CPU milliseconds.

    Attributes:
        engine_ms: Our Rust threads: signaling and media.
        loop_ms: The first thread, where Python's loop runs.
        python_ms: All threads that are not the engine's.
        children_ms: Child processes (the webhook sender).
    """

    engine_ms: float
    loop_ms: float
    python_ms: float
    children_ms: float


def _threads_ns(pid: int) -> Counter[str]:
    spent: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            kind = "engine" if (task / "comm").read_text().startswith(_ENGINE_THREADS) else "python"
            on_cpu_ns = int((task / "schedstat").read_text().split()[0])
            spent[kind] += on_cpu_ns
            if task.name == str(pid):
                spent["loop"] = on_cpu_ns
        except OSError:
            continue
    return spent


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


class ProcessCpu:
    """CPU that a process spends from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = self._now()

    def _now(self) -> tuple[int, int, int, int]:
        own = _threads_ns(self._pid)
        children = sum(sum(_threads_ns(child).values()) for child in _children(self._pid))
        return own["engine"], own["loop"], own["python"], children

    def spent(self) -> Spent:
        """Return what was spent since this was made."""
        engine, loop, python, children = [now - old for now, old in zip(self._now(), self._before, strict=True)]
        return Spent(engine / 1e6, loop / 1e6, python / 1e6, children / 1e6)

    def rss_mb(self) -> float:
        """Return resident memory of the process, MB."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def describe_machine() -> str:
    """Return processor, cores and kernel in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} cores of {model}, Linux {os.uname().release}"
