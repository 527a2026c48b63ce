"""Flows with their drafts and published versions. What may be done when is `ringback.flow.lifecycle`'s business."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ringback.model.flow import FlowState, FlowVersion, StoredFlow
from ringback.model.ids import AccountSid, FlowId
from ringback.store.backend.access import Access, save_row
from ringback.store.errors import ConflictError
from ringback.store.tables import flow, flow_version, number

_encoder = msgspec.json.Encoder()
_MOST_VERSIONS = 1_000


def _read(row: Row[Any]) -> StoredFlow:
    return StoredFlow(
        id=row.id,
        account=row.account,
        name=row.name,
        flow_state=FlowState(row.flow_state),
        draft=msgspec.json.decode(row.draft),
        published_version=row.published_version,
        versions=row.versions,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _read_version(row: Row[Any]) -> FlowVersion:
    return FlowVersion(
        flow_id=row.flow_id,
        version=row.version,
        document=msgspec.json.decode(row.document),
        digest=row.digest,
        published_at=row.published_at,
    )


def _keep_version(connection: Connection, account: AccountSid, publish: FlowVersion) -> None:
    values = {
        "flow_id": publish.flow_id,
        "version": publish.version,
        "account": account,
        "document": _encoder.encode(publish.document).decode(),
        "digest": publish.digest,
        "published_at": publish.published_at,
    }
    try:
        connection.execute(insert(flow_version).values(values))
    except IntegrityError as error:
        raise ConflictError(
            f"Version {publish.version} of flow {publish.flow_id} was published by somebody else; look and try again."
        ) from error


class FlowRepository:
    """Flows of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[StoredFlow, ...]:
        """Return every flow of the installation, for the running side's cache."""
        return tuple([_read(row) for row in await self._access.rows(select(flow).order_by(flow.c.id))])

    async def list(
        self, account: AccountSid, *, limit: int = 100, after: FlowId | None = None
    ) -> tuple[StoredFlow, ...]:
        """Return a page of the account's flows by id; `after` is the last id of the page before."""
        query = select(flow).where(flow.c.account == account).order_by(flow.c.id).limit(limit)
        if after is not None:
            query = query.where(flow.c.id > after)
        return tuple([_read(row) for row in await self._access.rows(query)])

    async def get(self, account: AccountSid, flow_id: FlowId) -> StoredFlow | None:
        """Return one flow of the account."""
        row = await self._access.row(select(flow).where(flow.c.id == flow_id, flow.c.account == account))
        return None if row is None else _read(row)

    async def save(self, value: StoredFlow, *, publish: FlowVersion | None = None) -> StoredFlow:
        """Create or replace a flow; with `publish` also keep that version, in the same transaction.

        Raises:
            ConflictError: That version exists already (somebody published at the same moment).
            UnknownError: The id belongs to another account's flow.
        """
        values = {
            "name": value.name,
            "flow_state": value.flow_state.value,
            "draft": _encoder.encode(value.draft).decode(),
            "published_version": value.published_version,
            "versions": value.versions,
            "created_at": value.created_at,
            "updated_at": value.updated_at,
        }

        def work(connection: Connection) -> None:
            save_row(connection, flow, value.id, value.account, values)
            if publish is not None:
                _keep_version(connection, value.account, publish)

        await self._access.write(work)
        return value

    async def version(self, account: AccountSid, flow_id: FlowId, version: int) -> FlowVersion | None:
        """Return one published version."""
        is_it = (flow_version.c.flow_id == flow_id) & (flow_version.c.version == version)
        row = await self._access.row(select(flow_version).where(is_it, flow_version.c.account == account))
        return None if row is None else _read_version(row)

    async def versions(self, account: AccountSid, flow_id: FlowId) -> tuple[FlowVersion, ...]:
        """Return the published versions, newest first, at most 1,000."""
        query = select(flow_version).where(flow_version.c.flow_id == flow_id, flow_version.c.account == account)
        rows = await self._access.rows(query.order_by(flow_version.c.version.desc()).limit(_MOST_VERSIONS))
        return tuple([_read_version(row) for row in rows])

    async def published(self, account: AccountSid | None = None) -> tuple[FlowVersion, ...]:
        """Return the version in force of every flow that has one: of an account, or of all for the running side."""
        in_force = (flow.c.id == flow_version.c.flow_id) & (flow.c.published_version == flow_version.c.version)
        query = select(flow_version).join(flow, in_force)
        rows = await self._access.rows(query if account is None else query.where(flow.c.account == account))
        return tuple([_read_version(row) for row in rows])

    async def delete(self, account: AccountSid, flow_id: FlowId) -> bool:
        """Delete a flow and unassign its numbers; its versions stay for old calls. False if there is none."""

        def work(connection: Connection) -> bool:
            is_it = (flow.c.id == flow_id) & (flow.c.account == account)
            if not connection.execute(delete(flow).where(is_it)).rowcount:
                return False
            connection.execute(update(number).where(number.c.flow_id == flow_id).values(flow_id=None))
            return True

        return await self._access.write(work)
