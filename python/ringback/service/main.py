"""Wires everything and runs it until it is told to stop. The only place that knows all parts."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypedDict

import structlog
from msgspec import Struct

from ringback._engine import BindFailed, Engine, EngineConfig, EngineError
from ringback.api.app import create_app
from ringback.api.services import ApiServices, ApiSettings, Health
from ringback.live.exchange import Exchange, ExchangeSettings
from ringback.model.errors import ResourceError
from ringback.service.clock import SystemClock
from ringback.service.engine_defense import defense_config
from ringback.service.fetch import SoundFetcher
from ringback.service.housekeeping import Housekeeping
from ringback.service.http import HttpServer
from ringback.service.logs import set_up_logs
from ringback.service.loop import settle_memory
from ringback.service.metrics import Figures, make_metrics
from ringback.service.seed import seed
from ringback.service.setting_types import TlsSettings
from ringback.service.settings import Settings
from ringback.speech.service import SpeechService
from ringback.store.database import Database
from ringback.webhook.process import WebhookDelivery
from ringback.webhook.settings import DeliverySettings

_log = structlog.get_logger(__name__)

_ENGINE_GRACE_MS = 1_000
"""How long the engine waits for dialogs to close at the end; calls had `grace_s` before."""


class SipUnavailable(ResourceError):  # noqa: N818  (reads as a claim)
    """The SIP listener cannot be opened."""

    slug = "sip-address"


class Ready(Struct, frozen=True, kw_only=True):
    """What is known once everything listens: with port 0 in the settings these say which ports were taken.

    Attributes:
        http: Base URL of the API, `http://127.0.0.1:8080`.
        sip: `host:port` of the SIP listener.
        recovered: Calls that a crash had left open and that were ended at start.
    """

    http: str
    sip: str
    recovered: int = 0


async def run(
    settings: Settings,
    *,
    ready: Callable[[Ready], None] | None = None,
    stop: asyncio.Event | None = None,
    folder: Path | None = None,
) -> None:
    """Run Ringback until SIGTERM, SIGINT or `stop`; then drain for `grace_s` (or until a second signal) and end.

    Args:
        settings: What `ringback.service.settings.load` read.
        ready: Called once, when API and SIP listen and every call of an earlier run is final or goes on.
        stop: Set it to stop as SIGTERM does (tests, embedding).
        folder: Where the settings' relative `file`s are looked for; None for the working directory.

    Raises:
        RingbackError: A listener, the database or a seed cannot be used; the message says what to do.
    """
    set_up_logs(settings.log)
    stop = stop or asyncio.Event()
    data = Path(settings.data_dir)
    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(_database(settings, data))
        speech = await stack.enter_async_context(_speech(settings, data))
        await seed(settings, database.repositories, folder=folder or Path(), facts=speech.facts())
        engine = stack.enter_context(_engine(settings))
        clock = SystemClock()
        exchange = Exchange(
            engine=engine,
            journal=database.writer,
            repositories=database.repositories,
            clock=clock,
            prompts=speech.prompts,
            flow_facts=speech.facts,
            settings=ExchangeSettings(
                recordings=data / "recordings",
                open_calls=settings.limits.open_calls,
                allow_private=settings.webhooks.allow_private,
            ),
        )
        clock.counters = exchange.parts.counters
        stack.push_async_callback(exchange.close)
        stack.callback(engine.stop, grace_ms=_ENGINE_GRACE_MS)
        webhooks = await _webhooks(settings, database, stack)
        recovered = await exchange.start()
        await stack.enter_async_context(_beside(Housekeeping(database, settings.keep).run()))
        http = HttpServer(create_app(_services(settings, database, exchange, speech, webhooks)), settings.http.listen)
        await http.start()
        stack.push_async_callback(http.stop)
        hurry = asyncio.Event()
        with _signals(stop, hurry), _reload(engine):
            settle_memory()
            if ready is not None:
                ready(Ready(http=http.url, sip=engine.local_address(), recovered=recovered))
            await stop.wait()
            _log.info("stopping", grace_s=settings.grace_s, calls=len(exchange.parts.calls))
            await exchange.stop(settings.grace_s, hurry=hurry)


@contextlib.asynccontextmanager
async def _database(settings: Settings, data: Path) -> AsyncIterator[Database]:
    url = settings.database.url or f"sqlite:///{data / 'ringback.db'}"
    key_file = Path(settings.database.key_file) if settings.database.key_file else None
    database = await Database.open(url, node=settings.node, key_file=key_file)
    try:
        yield database
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _speech(settings: Settings, data: Path) -> AsyncIterator[SpeechService]:
    fetch = SoundFetcher(allow_private=settings.webhooks.allow_private)
    speech = SpeechService(cache_folder=data / "prompts", sounds_folder=data / "sounds", fetch=fetch)
    try:
        yield await speech.open()
    finally:
        await speech.close()
        await fetch.close()


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let `work` go on beside everything else until the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    """Start the engine. Nobody may call in yet: its table of sources is empty."""
    sip, media, limits = settings.sip, settings.media, settings.limits
    engine = Engine(
        EngineConfig(
            listen=sip.listen if isinstance(sip.listen, str) else list(sip.listen),
            advertised=sip.advertised,
            media_host=media.host,
            media_advertised=media.advertised,
            rtp_first_port=media.first_port,
            rtp_last_port=media.last_port,
            media_shards=media.shards,
            media_cpus=None if media.cpus is None else list(media.cpus),
            media_realtime=media.realtime,
            media_timeout_ms=media.timeout_ms,
            tones=media.tones,
            t1_ms=sip.t1_ms,
            decide_within_ms=limits.decide_within_ms,
            max_legs=limits.legs,
            max_incoming_per_s=limits.incoming_per_s,
            event_high_water=limits.events,
            user_agent=sip.user_agent,
            trace=sip.trace,
            dns_servers=list(sip.dns_servers),
            ws_origins=list(sip.ws_origins),
            max_connections=sip.connections,
            max_connections_per_source=sip.connections_per_source,
            **_tls(settings.tls),
        )
    )
    engine.set_defense(defense_config(settings.defense))
    try:
        engine.start()
    except BindFailed as error:
        raise SipUnavailable(f"{error} Set [sip] listen to a free address of this machine.") from error
    try:
        yield engine
    finally:
        engine.stop()


async def _webhooks(settings: Settings, database: Database, stack: contextlib.AsyncExitStack) -> WebhookDelivery | None:
    if not settings.webhooks.enabled:
        return None
    delivery = WebhookDelivery(
        database,
        DeliverySettings(timeout_s=settings.webhooks.timeout_s, allow_private=settings.webhooks.allow_private),
    )
    await delivery.start()
    stack.push_async_callback(delivery.stop)
    return delivery


def _services(
    settings: Settings,
    database: Database,
    exchange: Exchange,
    speech: SpeechService,
    webhooks: WebhookDelivery | None,
) -> ApiServices:
    figures = Figures(
        exchange, journal=database.writer.health, webhooks=lambda: None if webhooks is None else webhooks.health()
    )
    return ApiServices(
        repositories=database.repositories,
        calls=exchange.calls,
        sounds=speech.sounds,
        account=exchange.directory.account,
        bans=exchange.parts.engine,
        directory_changed=exchange.directory.refresh,
        health=lambda: _health(database, exchange),
        metrics=make_metrics(figures),
        flow_facts=speech.facts,
        trunk_standing=exchange.parts.standing.trunk,
        phone_contacts=lambda phone: exchange.parts.standing.phone(phone, exchange.parts.clock.now()),
        nudge_webhooks=(lambda: None) if webhooks is None else webhooks.nudge,
        settings=ApiSettings(
            requests_per_s=settings.http.requests_per_s,
            burst=settings.http.burst,
            max_body_bytes=settings.http.max_body_bytes,
            mask_numbers=settings.http.mask_numbers,
        ),
    )


def _health(database: Database, exchange: Exchange) -> Health:
    problems = []
    journal = database.writer.health()
    if not journal.is_ready:
        problems.append(journal.problem)
    if exchange.is_stopping:
        problems.append("Ringback is stopping.")
    if exchange.pump.overloaded:
        problems.append(f"The engine refuses new calls: {exchange.pump.overloaded}.")
    return Health(is_ready=not problems, problems=tuple(problems))


class _TlsArguments(TypedDict):
    tls_certificates: list[tuple[str, str]]
    tls_client_ca: str | None
    tls_ca: str | None
    tls_client_certificate: tuple[str, str] | None


def _tls(tls: TlsSettings) -> _TlsArguments:
    own = tls.client_certificate
    return {
        "tls_certificates": [(files.chain, files.key) for files in tls.certificates],
        "tls_client_ca": tls.client_ca,
        "tls_ca": tls.ca,
        "tls_client_certificate": (own.chain, own.key) if own else None,
    }


@contextlib.contextmanager
def _reload(engine: Engine) -> Iterator[None]:
    """Let SIGHUP read the TLS files again, where this loop may handle signals."""
    loop = asyncio.get_running_loop()

    def received() -> None:
        try:
            engine.reload_tls()
        except EngineError as error:
            _log.error("tls_not_reloaded", error=str(error))
        else:
            _log.info("tls_reloaded")

    try:
        loop.add_signal_handler(signal.SIGHUP, received)
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@contextlib.contextmanager
def _signals(stop: asyncio.Event, hurry: asyncio.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT set `stop`, and a second one `hurry`, where this loop may handle signals."""
    loop = asyncio.get_running_loop()
    handled = []

    def received() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, received)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
