"""The newest read of every Application, and hints that it should be read again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.events import ApplicationObserved
from bot.domain.moments import AHEAD
from bot.domain.reasons import Reason
from bot.storage import documents
from bot.storage.engine import insert
from bot.storage.schema import applications as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known about an environment's Application. `failure` is why the newest attempt to read it failed."""

    environment: str
    observation: ApplicationObserved | None
    observed_at: datetime | None
    hinted_at: datetime | None
    failure: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """When an environment was read last, and whether it was hinted at since."""

    observed_at: datetime | None
    hinted_at: datetime | None


async def looks(connection: AsyncConnection) -> dict[str, Look]:
    """When each environment was looked at, without what was found."""
    rows = await connection.execute(select(table.c.environment, table.c.observed_at, table.c.hinted_at))
    return {row.environment: Look(observed_at=row.observed_at, hinted_at=row.hinted_at) for row in rows}


async def hint(connection: AsyncConnection, environment: str, *, now: datetime) -> None:
    """Ask for a read soon."""
    await connection.execute(
        insert(connection, table)
        .values(environment=environment, hinted_at=now)
        .on_conflict_do_update(index_elements=["environment"], set_={"hinted_at": now})
    )


async def save(connection: AsyncConnection, observation: ApplicationObserved) -> None:
    """Keep a read, unless a newer one is kept already."""
    fresh = {
        "document": documents.observation.dump(observation),
        "observed_at": observation.observed_at,
        "failure": None,
    }
    await _write(connection, observation.environment, fresh, begun=observation.observed_at)


async def fail(connection: AsyncConnection, environment: str, *, reason: Reason, since: datetime) -> None:
    """Note that a read begun at `since` failed, unless a newer one did not; the last good read stays."""
    await _write(connection, environment, {"failure": reason}, begun=since)


async def get(connection: AsyncConnection, environment: str) -> Known:
    """What is known about one environment; everything is None before its first read."""
    row = (await connection.execute(select(table).where(table.c.environment == environment))).one_or_none()
    if row is None:
        return Known(environment=environment, observation=None, observed_at=None, hinted_at=None, failure=None)
    return _known(row)


async def _write(connection: AsyncConnection, environment: str, values: dict[str, Any], *, begun: datetime) -> None:
    """Write what a read found. A hint given while it was under way stays, since it may have missed the cause.

    A read or a hint from before the clock was set back is an earlier one, whatever its moment.
    """
    hinted, observed = table.c.hinted_at, table.c.observed_at
    later = case((and_(hinted > begun, hinted <= begun + AHEAD), hinted))
    await connection.execute(
        insert(connection, table)
        .values(environment=environment, **values)
        .on_conflict_do_update(
            index_elements=["environment"],
            set_={**values, "hinted_at": later},
            where=or_(observed.is_(None), observed <= begun, observed > begun + AHEAD),
        )
    )


def _known(row: Row[tuple[object, ...]]) -> Known:
    return Known(
        environment=row.environment,
        observation=documents.observation.load(row.document) if row.document else None,
        observed_at=row.observed_at,
        hinted_at=row.hinted_at,
        failure=Reason(row.failure) if row.failure else None,
    )
