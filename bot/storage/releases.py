"""Rows of releases, and which workflow run belongs to which service and environment.

A release is changed under a row lock, so two workers that learn about it at once add up instead of overwriting.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import releases
from bot.domain.releases import Release, ReleaseState
from bot.storage import documents
from bot.storage.engine import insert
from bot.storage.schema import releases as table
from bot.storage.schema import runs

ACTIVE_LIMIT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A release with its row id; `changed` says whether the call that returned it changed the row."""

    id: int
    release: Release
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A release without what is known about it."""

    id: int
    environment: str
    source_revision: str


async def change(
    connection: AsyncConnection,
    *,
    environment: str,
    service: str,
    source_revision: str,
    now: datetime,
    step: Callable[[Release], Release],
) -> Stored:
    """Apply `step` to the release of this key, which is created when it is not there."""
    empty = Release(service=service, environment=environment, source_revision=source_revision)
    await connection.execute(
        insert(connection, table)
        .values(
            environment=environment,
            service=service,
            source_revision=source_revision,
            state=releases.state(empty),
            ended=0,
            document=documents.release.dump(empty),
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing()
    )
    found = await connection.execute(
        select(table)
        .where(
            table.c.environment == environment,
            table.c.service == service,
            table.c.source_revision == source_revision,
        )
        .with_for_update()
    )
    row = found.one()
    old = documents.release.load(row.document)
    new = step(old)
    if new == old:
        return Stored(id=row.id, release=old)
    state = releases.state(new)
    await connection.execute(
        update(table)
        .where(table.c.id == row.id)
        .values(document=documents.release.dump(new), state=state, ended=int(state.ended), updated_at=now)
    )
    return Stored(id=row.id, release=new, changed=True)


async def by_id(connection: AsyncConnection, release_id: int) -> Release | None:
    """The release with this row id."""
    row = (await connection.execute(select(table).where(table.c.id == release_id))).one_or_none()
    return documents.release.load(row.document) if row else None


async def built_from(connection: AsyncConnection, *, environment: str, service: str, short: str) -> Stored | None:
    """The release of a commit, of which the beginning of its id is known."""
    rows = await connection.execute(
        select(table.c.id, table.c.document)
        .where(
            table.c.environment == environment,
            table.c.service == service,
            table.c.source_revision.startswith(short, autoescape=True),
        )
        .limit(1)
    )
    row = rows.one_or_none()
    return Stored(id=row.id, release=documents.release.load(row.document)) if row else None


async def of_image(connection: AsyncConnection, *, service: str, short: str) -> list[Release]:
    """The releases of a commit to whatever environment, of which the beginning of its id is known."""
    everywhere = select(table.c.environment).distinct()  # so that the unique constraint serves as an index
    rows = await connection.execute(
        select(table.c.document).where(
            table.c.environment.in_(everywhere),
            table.c.service == service,
            table.c.source_revision.startswith(short, autoescape=True),
        )
    )
    return [documents.release.load(row.document) for row in rows]


async def built(connection: AsyncConnection, service: str, *, environments: Collection[str], limit: int) -> list[Built]:
    """Which commits of a service were built for which of these environments; the newest first.

    The environments are named so that the unique constraint serves as an index.
    """
    rows = await connection.execute(
        select(table.c.id, table.c.environment, table.c.source_revision)
        .where(table.c.environment.in_(environments), table.c.service == service)
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    return [Built(id=row.id, environment=row.environment, source_revision=row.source_revision) for row in rows]


async def by_ids(connection: AsyncConnection, ids: Collection[int]) -> list[Release]:
    """The releases with these row ids, the newest first."""
    rows = await connection.execute(select(table.c.document).where(table.c.id.in_(ids)).order_by(table.c.id.desc()))
    return [documents.release.load(row.document) for row in rows]


async def of_service(connection: AsyncConnection, *, service: str, environment: str, limit: int) -> list[Stored]:
    """The releases of a service in an environment, the newest first."""
    rows = await connection.execute(
        select(table.c.id, table.c.document)
        .where(table.c.environment == environment, table.c.service == service)
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    return [Stored(id=row.id, release=documents.release.load(row.document)) for row in rows]


async def active(connection: AsyncConnection, environment: str) -> list[Stored]:
    """The releases of an environment that may still move, newest first; at most `ACTIVE_LIMIT`.

    A failed one counts only while it is the newest of its service. Nobody waits for it after that, and a re-run is
    no failure any more; otherwise every failure would be looked at for ever.
    """
    others = table.alias()
    newest = (
        select(func.max(others.c.id))
        .where(others.c.environment == environment, others.c.service == table.c.service)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(table)
        .where(table.c.environment == environment, table.c.ended == 0)
        .where(or_(table.c.state != ReleaseState.FAILED, table.c.id == newest))
        .order_by(table.c.id.desc())
        .limit(ACTIVE_LIMIT)
    )
    return [Stored(id=row.id, release=documents.release.load(row.document)) for row in rows]


async def moving(connection: AsyncConnection) -> set[str]:
    """The environments in which a release is on its way. A failed one is not: nobody but GitHub can move it."""
    rows = await connection.execute(
        select(table.c.environment).where(table.c.ended == 0, table.c.state != ReleaseState.FAILED).distinct()
    )
    return {row.environment for row in rows}


async def remember_run(connection: AsyncConnection, *, run_id: int, service: str, environment: str) -> bool:
    """Note what a workflow run builds, and for where. True when that was not known before."""
    result = await connection.execute(
        insert(connection, runs)
        .values(run_id=run_id, service=service, environment=environment)
        .on_conflict_do_nothing()
    )
    return bool(result.rowcount)


async def run(connection: AsyncConnection, run_id: int) -> tuple[str, str] | None:
    """Service and environment of a workflow run, when a report has told them."""
    row = (await connection.execute(select(runs).where(runs.c.run_id == run_id))).one_or_none()
    return (row.service, row.environment) if row else None
