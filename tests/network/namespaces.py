"""Two hosts of our own: network namespaces with a bad cable between them. Needs root and iproute2.

The cable is the kernel's netem where there is one, else a thread that carries packets from one TUN device to another
and loses and delays them. Nothing outside of the two namespaces is touched.
"""

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

NEAR, FAR = "10.78.0.1", "10.78.0.2"

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_PACKET_BYTES = 65536


@dataclass(frozen=True)
class Weather:
    """What happens to packets, in each direction."""

    loss: float
    """Share of packets lost, 0-1."""
    delay_ms: float
    jitter_ms: float
    """Added to the delay, evenly spread between 0 and this."""


@dataclass(frozen=True)
class Hosts:
    """Two namespaces by name; `NEAR` and `FAR` are their addresses."""

    near: str
    far: str


def ours() -> list[str]:
    """Return the namespaces of this process that are there."""
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split() if name.startswith("rb-") and name.endswith(f"-{os.getpid()}")]


def missing() -> str:
    """Return what this machine lacks for namespaces, empty if nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need iproute2"
    probe = f"rb-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], check=False, capture_output=True).returncode:
        return "this machine does not allow network namespaces"
    _ip("netns", "delete", probe)
    return "" if Path("/dev/net/tun").exists() else "the cable needs /dev/net/tun"


def missing_netem() -> str:
    """Return why `tc netem` cannot be used, empty if it can."""
    if lack := missing():
        return lack
    if shutil.which("tc") is None:
        return "netem needs tc (iproute2)"
    with _namespace("probe") as name:
        _ip("-n", name, "link", "add", "rbprobe0", "type", "veth", "peer", "name", "rbprobe1")
        tc = ["tc", "-n", name, "qdisc", "add", "dev", "rbprobe0", "root", "netem", "loss", "1%"]
        failed = subprocess.run(tc, check=False, capture_output=True).returncode
        return "the kernel has no netem" if failed else ""


@contextmanager
def two_hosts(weather: Weather, *, netem: bool, seed: int = 1) -> Iterator[Hosts]:
    """Make the namespaces and the cable; they are gone at the end."""
    with ExitStack() as stack:
        hosts = Hosts(near=stack.enter_context(_namespace("near")), far=stack.enter_context(_namespace("far")))
        if netem:
            _lay_veth(hosts, weather)
        else:
            stack.enter_context(_cable(hosts, weather, seed))
        yield hosts


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Let this thread, and the processes and threads it starts, be in a namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            _enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def _namespace(role: str) -> Iterator[str]:
    name = f"rb-{role}-{os.getpid()}"
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        _ip("netns", "delete", name)


def _address(namespace: str, device: str, own: str, other: str) -> None:
    _ip("-n", namespace, "address", "add", own, "peer", other, "dev", device)
    _ip("-n", namespace, "link", "set", device, "up")


def _lay_veth(hosts: Hosts, weather: Weather) -> None:
    _ip("-n", hosts.near, "link", "add", "rbnear", "type", "veth", "peer", "name", "rbfar", "netns", hosts.far)
    _address(hosts.near, "rbnear", NEAR, FAR)
    _address(hosts.far, "rbfar", FAR, NEAR)
    # netem spreads to both sides of the delay.
    half = weather.jitter_ms / 2
    what = ["loss", f"{weather.loss * 100}%", "delay", f"{weather.delay_ms + half}ms", f"{half}ms"]
    for namespace, device in ((hosts.near, "rbnear"), (hosts.far, "rbfar")):
        subprocess.run(["tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "netem", *what], check=True)


@contextmanager
def _cable(hosts: Hosts, weather: Weather, seed: int) -> Iterator[None]:
    ends = [_tun(hosts.near, "rbnear", NEAR, FAR), _tun(hosts.far, "rbfar", FAR, NEAR)]
    stop_read, stop_write = os.pipe()
    carrier = threading.Thread(target=_carry, args=(ends, weather, random.Random(seed), stop_read), name="bad-cable")
    carrier.start()
    try:
        yield
    finally:
        os.close(stop_write)
        carrier.join()
        for descriptor in (*ends, stop_read):
            os.close(descriptor)


def _tun(namespace: str, device: str, own: str, other: str) -> int:
    with inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN_NO_PI))
    _address(namespace, device, own, other)
    return descriptor


def _carry(ends: list[int], weather: Weather, dice: random.Random, stop: int) -> None:
    """Carry packets until the other end of `stop` is closed."""
    flying: list[tuple[float, int, int, bytes]] = []
    numbers = itertools.count()
    while True:
        pause = max(0.0, flying[0][0] - time.monotonic()) if flying else None
        readable, _, _ = select.select([*ends, stop], [], [], pause)
        if stop in readable:
            return
        now = time.monotonic()
        for end in readable:
            packet = os.read(end, _PACKET_BYTES)
            if dice.random() >= weather.loss:
                due = now + (weather.delay_ms + weather.jitter_ms * dice.random()) / 1000
                heapq.heappush(flying, (due, next(numbers), ends[1 - ends.index(end)], packet))
        while flying and flying[0][0] <= now:
            _, _, end, packet = heapq.heappop(flying)
            os.write(end, packet)
