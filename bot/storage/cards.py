"""Rows of cards: which message shows what, and which cards have to be looked at again.

Whoever changes something that a card shows marks its key stale, in the same transaction; the board does the rest.
`version` grows with every mark, so that "I have shown it" cannot swallow a mark made while it was being shown.

A post is announced before it is made: `posting_since` without a `message_id` means that a message may exist which
nobody wrote down. `generation` counts the messages of a card; a new one is begun when the old one was deleted, or is
too old to be edited freely, and then `retired_message_id` remembers the old one until it says so.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, literal, null, or_, select, update

from bot.domain.moments import AHEAD
from bot.storage.engine import Connection, Database, insert
from bot.storage.schema import Moment
from bot.storage.schema import cards as table


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleCard:
    """A card that has to be looked at, as its row was when it was read."""

    key: str
    version: int
    stale_since: datetime
    channel_id: int | None
    message_id: int | None
    digest: str | None
    generation: int
    posting_since: datetime | None
    posted_at: datetime | None
    retired_message_id: int | None
    failures: int


async def mark_stale(connection: Connection, key: str, *, now: datetime) -> None:
    """Have the board look at this card; the earliest unanswered mark keeps its time."""
    await connection.execute(
        insert(connection, table)
        .values(key=key, stale_since=now, version=1)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "stale_since": func.coalesce(table.c.stale_since, literal(now, Moment)),
                "version": table.c.version + 1,
            },
        )
    )


async def begin(connection: Connection, key: str, *, now: datetime) -> bool:
    """Have the board look at a card that is new. False when there is or was one with this key."""
    result = await connection.execute(
        insert(connection, table).values(key=key, stale_since=now, version=1).on_conflict_do_nothing()
    )
    return bool(result.rowcount)


async def known(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of the keys that have a card."""
    if not keys:
        return set()
    rows = await connection.execute(select(table.c.key).where(table.c.key.in_(keys)))
    return {row.key for row in rows}


async def mark_known_stale(connection: Connection, keys: Collection[str], *, now: datetime) -> None:
    """Have the board look at those of these cards that there are."""
    await connection.execute(
        update(table)
        .where(table.c.key.in_(keys))
        .values(stale_since=func.coalesce(table.c.stale_since, literal(now, Moment)), version=table.c.version + 1)
    )


async def due(database: Database, *, now: datetime, limit: int, besides: Collection[str] = ()) -> list[StaleCard]:
    """Up to `limit` stale cards whose time has come, the longest stale first, without those already in hand.

    A pause from before the clock was set back is over.
    """
    pause = table.c.not_before
    columns = [table.c[name] for name in StaleCard.__dataclass_fields__]
    async with database.reading() as connection:
        rows = await connection.execute(
            select(*columns)
            .where(
                table.c.stale_since.is_not(None),
                or_(pause.is_(None), pause <= now, pause > now + AHEAD),
                table.c.key.not_in(besides),
            )
            .order_by(table.c.stale_since)
            .limit(limit)
        )
    return [StaleCard(**row._mapping) for row in rows]


async def posting(
    database: Database, card: StaleCard, *, channel_id: int, now: datetime, retire: int | None = None
) -> StaleCard:
    """Announce that a message will be posted; committed before the post. Returns the card as its row is now.

    A card that had a message begins its next generation; `retire` is the old message when it should say so.
    """
    values: dict[str, Any] = {"channel_id": channel_id, "posting_since": now}
    if card.message_id is not None:
        values |= {"generation": card.generation + 1, "message_id": None, "digest": None, "posted_at": None}
        values |= {"retired_message_id": retire}
    columns = [table.c[name] for name in StaleCard.__dataclass_fields__]
    async with database.transaction() as connection:
        statement = update(table).where(table.c.key == card.key).values(values).returning(*columns)
        row = (await connection.execute(statement)).one()
    return StaleCard(**row._mapping)


async def posted(database: Database, key: str, *, message_id: int, digest: str | None, now: datetime) -> None:
    """Write down the message that shows the card. `digest` is None when it was found and what it shows is unknown."""
    await _write(
        database,
        key,
        {"message_id": message_id, "digest": digest, "posted_at": now, "posting_since": None, "failures": 0},
    )


async def settled(
    database: Database,
    card: StaleCard,
    *,
    digest: str | None,
    looked_at: datetime,
    not_before: datetime | None = None,
) -> None:
    """The message shows what was rendered at `looked_at`: no longer stale, unless marked since the card was read."""
    clean = table.c.version == card.version
    await _write(
        database,
        card.key,
        {
            "digest": digest,
            "stale_since": case((clean, null()), else_=literal(looked_at, Moment)),
            "not_before": not_before,
            "retired_message_id": None,
            "failures": 0,
        },
    )


async def postpone(database: Database, key: str, *, until: datetime, nothing_posted: bool) -> None:
    """Try again at `until`. `nothing_posted` says that an announced post certainly did not happen."""
    values: dict[str, Any] = {"not_before": until, "failures": table.c.failures + 1}
    if nothing_posted:
        values["posting_since"] = None
    await _write(database, key, values)


async def location(connection: Connection, key: str) -> tuple[int, int] | None:
    """Channel and message id of the message that shows the card, or None before it was posted."""
    statement = select(table.c.channel_id, table.c.message_id).where(table.c.key == key)
    row = (await connection.execute(statement)).one_or_none()
    if row is None or row.channel_id is None or row.message_id is None:
        return None
    return row.channel_id, row.message_id


async def announced(connection: Connection, key: str) -> bool:
    """Whether a message shows the card or may do so: it was posted, or a post was announced and not written down."""
    statement = select(table.c.message_id, table.c.posting_since).where(table.c.key == key)
    row = (await connection.execute(statement)).one_or_none()
    return row is not None and (row.message_id is not None or row.posting_since is not None)


async def waits(connection: Connection, key: str) -> bool:
    """Whether the card is still to get its first message."""
    statement = select(table.c.message_id).where(table.c.key == key)
    row = (await connection.execute(statement)).one_or_none()
    return row is not None and row.message_id is None


async def _write(database: Database, key: str, values: dict[str, Any]) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(table).where(table.c.key == key).values(values))
