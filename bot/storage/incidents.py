"""Rows of incidents: one row per episode of a subject."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incidents import Incident
from bot.storage import documents
from bot.storage.engine import insert, lock
from bot.storage.schema import incidents as table


async def newest(connection: AsyncConnection, subject: str) -> Incident | None:
    """The newest episode of a subject, which is locked until the transaction ends: two failures at once are two.

    The subject is what is locked, not the row: the row of a new episode does not exist yet.
    """
    await lock(connection, f"incident:{subject}")
    statement = select(table.c.document).where(table.c.subject == subject).order_by(table.c.episode.desc()).limit(1)
    row = (await connection.execute(statement)).one_or_none()
    return documents.incident.load(row.document) if row else None


async def get(connection: AsyncConnection, subject: str, *, episode: int) -> Incident | None:
    """One episode."""
    row = (
        await connection.execute(select(table.c.document).where(table.c.subject == subject, table.c.episode == episode))
    ).one_or_none()
    return documents.incident.load(row.document) if row else None


async def save(connection: AsyncConnection, incident: Incident) -> None:
    """Insert or overwrite an episode."""
    values = {"document": documents.incident.dump(incident)}
    result = await connection.execute(
        update(table).where(table.c.subject == incident.subject, table.c.episode == incident.episode).values(**values)
    )
    if not result.rowcount:
        await connection.execute(
            insert(connection, table).values(subject=incident.subject, episode=incident.episode, **values)
        )
