"""All repositories in one value, as the running side and the API get them."""

from msgspec import Struct

from ringback.store.accounts import AccountRepository
from ringback.store.api_keys import ApiKeyRepository
from ringback.store.audit import AuditReader
from ringback.store.backend.access import Access
from ringback.store.calls import CallRepository
from ringback.store.decision_tables import DecisionTableRepository
from ringback.store.flows import FlowRepository
from ringback.store.idempotency import IdempotencyRepository
from ringback.store.numbers import BlockedNumberRepository, NumberRepository
from ringback.store.outbox import OutboxRepository
from ringback.store.routes import RouteRepository
from ringback.store.sounds import SoundRepository
from ringback.store.traces import TraceRepository
from ringback.store.trunks import PhoneRepository, TrunkRepository


class Repositories(Struct, frozen=True, kw_only=True):
    """One repository for each kind of thing. Reads run beside the writer; writes return when they are committed."""

    accounts: AccountRepository
    api_keys: ApiKeyRepository
    audit: AuditReader
    blocked: BlockedNumberRepository
    calls: CallRepository
    decision_tables: DecisionTableRepository
    flows: FlowRepository
    idempotency: IdempotencyRepository
    numbers: NumberRepository
    outbox: OutboxRepository
    phones: PhoneRepository
    routes: RouteRepository
    sounds: SoundRepository
    traces: TraceRepository
    trunks: TrunkRepository


def make_repositories(access: Access) -> Repositories:
    """Make them all over one access."""
    return Repositories(
        accounts=AccountRepository(access),
        api_keys=ApiKeyRepository(access),
        audit=AuditReader(access),
        blocked=BlockedNumberRepository(access),
        calls=CallRepository(access),
        decision_tables=DecisionTableRepository(access),
        flows=FlowRepository(access),
        idempotency=IdempotencyRepository(access),
        numbers=NumberRepository(access),
        outbox=OutboxRepository(access),
        phones=PhoneRepository(access),
        routes=RouteRepository(access),
        sounds=SoundRepository(access),
        traces=TraceRepository(access),
        trunks=TrunkRepository(access),
    )
