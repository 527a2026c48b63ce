"""Every metric has its line in the document, and the other way round."""

import re
from pathlib import Path
from types import SimpleNamespace

from prometheus_client.parser import text_string_to_metric_families

from ringback import _engine as en
from ringback.live.capacity import Capacity, Pool, Want
from ringback.live.carriers.standing import Standing
from ringback.live.counters import Counters
from ringback.service.metrics import Figures, make_metrics
from ringback.store.journal import WriterHealth
from ringback.webhook.process import DeliveryHealth

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"


def _exchange() -> SimpleNamespace:
    counters = Counters()
    counters.count_accepted("outbound", 2)
    counters.count_ended("outbound", "BUSY")
    counters.count_turned_away("stopping")
    counters.time_final(0.004)
    capacity = Capacity()
    capacity.reserve([Want(pool=Pool.TRUNK, key="t", count=3)])
    engine = SimpleNamespace(stats=lambda: {"legs": 3})
    standing = Standing()
    standing.registration(en.Registration(trunk=1, at_ns=0, state="registered", code=200, expires_s=60))
    standing.trunk_state(en.TrunkState(trunk=1, at_ns=0, gateway="gw:5060", up=False))
    directory = SimpleNamespace(trunk=lambda _: SimpleNamespace(id="carrier"))
    parts = SimpleNamespace(
        counters=counters, calls={"c": 1}, legs={}, capacity=capacity, engine=engine, standing=standing,
        directory=directory,
    )  # fmt: skip
    return SimpleNamespace(parts=parts, outbound=SimpleNamespace(queue=[]))


def _text() -> str:
    journal = WriterHealth(is_ready=True, problem="", waiting=1, committed=2, refused=0, groups=1)
    webhooks = DeliveryHealth(is_running=True, restarts=0, delivered=5, failed_tries=1, dead=0, in_flight=2)
    figures = Figures(_exchange(), journal=lambda: journal, webhooks=lambda: webhooks)
    return make_metrics(figures)().decode()


def test_every_metric_is_described() -> None:
    described = set(re.findall(r"`(ringback_[a-z_]+)`", DOCUMENT.read_text()))
    shown = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(_text())
    }

    assert shown == described


def test_figures_are_those_of_the_parts() -> None:
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(_text())
        for sample in family.samples
    }

    assert samples["ringback_calls_accepted_total", "outbound"] == 2
    assert samples["ringback_calls_ended_total", "outbound", "BUSY"] == 1
    assert samples["ringback_channels_taken", "trunk"] == 3
    assert samples["ringback_engine", "legs"] == 3
    assert samples["ringback_webhooks_delivered_total",] == 5
    assert samples["ringback_final_seconds_count",] == 1
