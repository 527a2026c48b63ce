"""`/metrics`: the figures of all parts in Prometheus' text format. Every name is described in `docs/metrics.md`."""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ringback.live.capacity import Pool
from ringback.live.counters import FINAL_BOUNDS_S
from ringback.live.exchange import Exchange
from ringback.store.journal import WriterHealth
from ringback.webhook.process import DeliveryHealth


class Figures(Collector):
    """Reads the figures when asked; nothing is counted twice."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        journal: Callable[[], WriterHealth],
        webhooks: Callable[[], DeliveryHealth | None],
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._webhooks = webhooks

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        yield from self._calls()
        yield from self._faults()
        yield from self._times()
        yield from self._engine()
        yield from self._trunks()
        yield from self._store()
        yield from self._delivery()

    def _calls(self) -> Iterator[Metric]:
        parts, counters = self._exchange.parts, self._exchange.parts.counters
        accepted = CounterMetricFamily("ringback_calls_accepted", "Calls accepted.", labels=["kind"])
        for kind, count in counters.accepted.items():
            accepted.add_metric([kind], count)
        yield accepted
        ended = CounterMetricFamily("ringback_calls_ended", "Final statuses.", labels=["kind", "status"])
        for labels, count in counters.ended.items():
            ended.add_metric(list(labels), count)
        yield ended
        turned_away = CounterMetricFamily("ringback_invites_turned_away", "INVITEs answered 503.", labels=["why"])
        for why, count in counters.turned_away.items():
            turned_away.add_metric([why], count)
        yield turned_away
        yield GaugeMetricFamily("ringback_calls_open", "Calls in hand without a final status.", len(parts.calls))
        yield GaugeMetricFamily(
            "ringback_calls_queued", "Calls that wait for a channel.", len(self._exchange.outbound.queue)
        )
        yield GaugeMetricFamily("ringback_legs", "Engine legs of calls.", len(parts.legs))
        channels = GaugeMetricFamily("ringback_channels_taken", "Channels taken.", labels=["pool"])
        for pool in Pool:
            channels.add_metric([pool.value], parts.capacity.total(pool))
        yield channels

    def _faults(self) -> Iterator[Metric]:
        counters = self._exchange.parts.counters
        figures = {
            "ringback_machine_refused": ("Events that a call machine did not expect.", counters.machine_refused),
            "ringback_call_faults": ("Faults of our own that ended a call.", counters.faults),
            "ringback_pump_faults": ("Engine events that could not be handled.", counters.pump_faults),
            "ringback_engine_faults": ("Faults that the engine reported of itself.", counters.engine_faults),
            "ringback_unknown_leg_events": ("Engine events of legs that belong to no call.", counters.unknown_leg),
            "ringback_calls_recovered": ("Calls ended at start after a crash.", counters.recovered),
        }
        for name, (text, count) in figures.items():
            yield CounterMetricFamily(name, text, count)

    def _times(self) -> Iterator[Metric]:
        counters = self._exchange.parts.counters
        yield CounterMetricFamily("ringback_commit_wait_seconds", "Time calls waited for commits.", counters.commit_s)
        yield CounterMetricFamily("ringback_commits_awaited", "Commits that calls waited for.", counters.commits)
        yield CounterMetricFamily("ringback_timer_lateness_seconds", "Sum of how late timers fired.", counters.late_s)
        yield CounterMetricFamily("ringback_timers_fired", "Timers that fired.", counters.timers)
        bounds = [*map(str, FINAL_BOUNDS_S), "+Inf"]
        yield HistogramMetricFamily(
            "ringback_final_seconds",
            "From the end of the leg that ended a call to its committed final status.",
            buckets=list(zip(bounds, accumulate(counters.finals), strict=True)),
            sum_value=counters.final_s,
        )

    def _engine(self) -> Iterator[Metric]:
        figures = GaugeMetricFamily("ringback_engine", "Counters and gauges of the native engine.", labels=["name"])
        for name, value in self._exchange.parts.engine.stats().items():
            figures.add_metric([name], value)
        yield figures

    def _trunks(self) -> Iterator[Metric]:
        parts = self._exchange.parts
        registered = GaugeMetricFamily(
            "ringback_trunk_registered", "1 while the carrier has our registration.", labels=["trunk"]
        )
        up = GaugeMetricFamily("ringback_trunk_up", "1 while the gateway answers OPTIONS.", labels=["trunk", "gateway"])
        for engine_id, standing in parts.standing.trunks():
            trunk = parts.directory.trunk(engine_id)
            if trunk is None:
                continue
            if standing.registration is not None:
                registered.add_metric([trunk.id], int(standing.registration == "registered"))
            for gateway in standing.gateways:
                up.add_metric([trunk.id, gateway.gateway], int(gateway.up))
        yield registered
        yield up
        yield GaugeMetricFamily("ringback_phones_registered", "Phones with a device.", parts.standing.phones())

    def _store(self) -> Iterator[Metric]:
        health = self._journal()
        yield GaugeMetricFamily("ringback_journal_ready", "1 while commits work.", int(health.is_ready))
        yield GaugeMetricFamily("ringback_journal_waiting", "Writes not committed yet.", health.waiting)
        yield CounterMetricFamily("ringback_journal_writes", "Writes committed.", health.committed)
        yield CounterMetricFamily("ringback_journal_refused", "Writes refused for good.", health.refused)
        yield CounterMetricFamily("ringback_journal_groups", "Transactions committed.", health.groups)

    def _delivery(self) -> Iterator[Metric]:
        health = self._webhooks()
        if health is None:
            return
        yield GaugeMetricFamily(
            "ringback_webhooks_running", "1 while the delivery process runs.", int(health.is_running)
        )
        yield GaugeMetricFamily("ringback_webhooks_in_flight", "Tries on their way.", health.in_flight)
        yield CounterMetricFamily("ringback_webhooks_delivered", "Webhooks delivered.", health.delivered)
        yield CounterMetricFamily("ringback_webhooks_failed_tries", "Tries that failed.", health.failed_tries)
        yield CounterMetricFamily("ringback_webhooks_dead", "Webhooks given up.", health.dead)
        yield CounterMetricFamily("ringback_webhooks_restarts", "Restarts of the delivery process.", health.restarts)


def make_metrics(figures: Figures) -> Callable[[], bytes]:
    """Return what writes the text of `/metrics`."""
    registry = CollectorRegistry()
    registry.register(figures)
    return lambda: generate_latest(registry)
