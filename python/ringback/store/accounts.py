"""Accounts: tenants and their limits."""

import secrets
from base64 import b64encode
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, insert, select, update

from ringback.model.account import Account
from ringback.model.ids import AccountSid
from ringback.store.backend.access import Access
from ringback.store.tables import account

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Account)
_SECRET_BYTES = 32


def _new_secret() -> str:
    """Return a signing secret in the form of the Standard Webhooks specification."""
    return "whsec_" + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


class AccountRepository:
    """Accounts of the installation. Webhook secrets are encrypted at rest."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, sid: AccountSid) -> Account | None:
        """Return an account, None if there is none of that SID."""
        row = await self._access.row(select(account).where(account.c.sid == sid))
        return None if row is None else self._read(row)

    async def all(self) -> tuple[Account, ...]:
        """Return all accounts, by SID."""
        return tuple([self._read(row) for row in await self._access.rows(select(account).order_by(account.c.sid))])

    async def save(self, value: Account) -> Account:
        """Create the account or replace it, and return it as saved: without a webhook secret it gets one."""
        sid, seal = AccountSid(value.sid), self._access.seal

        def work(connection: Connection) -> str:
            kept = connection.execute(select(account.c.sealed_secret).where(account.c.sid == sid)).scalar_one_or_none()
            sealed = seal.seal(value.webhook_secret or _new_secret()) if value.webhook_secret or kept is None else kept
            data = _encoder.encode(replace(value, webhook_secret="")).decode()
            if kept is None:
                connection.execute(insert(account).values(sid=sid, data=data, sealed_secret=sealed))
            else:
                connection.execute(update(account).where(account.c.sid == sid).values(data=data, sealed_secret=sealed))
            return sealed

        return replace(value, webhook_secret=seal.open(await self._access.write(work)))

    def _read(self, row: Row[Any]) -> Account:
        return replace(_decoder.decode(row.data), webhook_secret=self._access.seal.open(row.sealed_secret))
