"""The chain in a real table: what somebody does to it with SQL is found, and rows from before it are taken into it."""

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace

import pytest
from alembic import command
from sqlalchemy import Executable, column, delete, insert, literal, select, table, text, update

from bot.domain import trail
from bot.domain.trail import Entry, Head
from bot.services import trail as trails
from bot.services.trail import Verified
from bot.storage import audit, migrations
from bot.storage.engine import Database
from tests.domain.examples import after, operation

pytestmark = pytest.mark.storage

ROWS = 5
COPIED = [field.name for field in fields(Entry) if field.name != "id"]
RAW = table("audit", column("id"), *(column(name) for name in COPIED))
CHANGES = {
    "at": "2026-01-05T14:30:03.000000Z",  # the same moment, written differently
    "actor": "discord:12",
    "roles": '["9"]',
    "action": "refresh",
    "environment": "dev",
    "service": None,
    "operation_id": None,
    "correlation": "interaction:9",
    "outcome": "succeeded",
    "reason": "expired",
    "digest": "0" * 64,
    "detail": " ",
    "previous": "0" * 64,
    "hash": "0" * 64,
}


@pytest.fixture
async def tampering(database: Database) -> Callable[..., Awaitable[None]]:
    """Five rows, and somebody with all rights in the database: statements without the triggers."""
    for number in range(1, ROWS + 1):
        async with database.transaction() as connection:
            await audit.note(
                connection,
                at=after(number),
                actor="discord:11",
                action="deploy",
                outcome="requested",
                operation=operation(),
            )

    async def change(*statements: Executable) -> None:
        async with database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_append_only"))
            else:
                await connection.execute(text("DROP TRIGGER audit_no_update"))
                await connection.execute(text("DROP TRIGGER audit_no_delete"))
            for statement in statements:
                await connection.execute(statement)

    return change


async def verified(database: Database, *noted: Head) -> str:
    """Up to where the chain holds, and what is wrong there."""
    found = await trails.verify(database, noted=noted)
    return f"{found.head.id} {found.broken or 'holds'}"


@pytest.mark.parametrize("name", CHANGES)
async def test_a_changed_column_is_found(
    database: Database, tampering: Callable[..., Awaitable[None]], name: str
) -> None:
    assert await verified(database) == "5 holds"
    await tampering(update(RAW).where(RAW.c.id == 3).values({name: CHANGES[name]}))

    assert await verified(database) == "2 #3: edited: it is not as written"


def renumbered(old: int, new: int) -> Executable:
    """The statement that gives a row another number."""
    return update(RAW).where(RAW.c.id == old).values(id=new)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ([delete(RAW).where(RAW.c.id == 3)], "2 #4: missing: row #3 is not there"),
        ([delete(RAW).where(RAW.c.id < 3)], "0 #3: missing: rows #1 to #2 are not there"),
        ([delete(RAW).where(RAW.c.id == 3), renumbered(4, 3)], "2 #3: reordered: it was written as row #4"),
        ([renumbered(2, 9), renumbered(3, 2), renumbered(9, 3)], "1 #2: reordered: it was written as row #3"),
        (
            [
                insert(RAW).from_select(
                    ["id", *COPIED], select(literal(6), *(RAW.c[name] for name in COPIED)).where(RAW.c.id == 5)
                )
            ],
            "5 #6: reordered: it was written as row #5",
        ),
    ],
    ids=["gap", "beginning", "closed gap", "swap", "copy"],
)
async def test_a_changed_order_is_found(
    database: Database, tampering: Callable[..., Awaitable[None]], statements: list[Executable], found: str
) -> None:
    await tampering(*statements)

    assert await verified(database) == found


async def test_a_missing_end_and_a_chain_made_anew_are_found_by_a_head_noted_elsewhere(
    database: Database, tampering: Callable[..., Awaitable[None]]
) -> None:
    async with database.reading() as connection:
        rows = await audit.following(connection, 0, limit=9)
    noted = [Head(id=row.id, hash=row.hash[: trail.SHOWN]) for row in rows]
    assert await verified(database, *noted) == "5 holds"

    await tampering(delete(RAW).where(RAW.c.id > 3))
    assert await verified(database) == "3 holds"
    assert await verified(database, noted[2]) == "3 holds"
    assert await verified(database, noted[4]) == "3 #5: missing: it was noted, and the trail ends at #3"

    async with database.transaction() as connection:  # the bot goes on, and the numbers are given again
        for _ in range(3):
            await audit.note(connection, at=after(9), actor="chatops", action="deploy", outcome="expired")
    assert await verified(database) == "6 holds"
    [*_, fifth, _] = await everything(database)
    why = f"its hash begins with {fifth.hash[:16]}, and {noted[4].hash} was noted"
    assert await verified(database, noted[4]) == f"4 #5: rewritten: {why}"


async def everything(database: Database) -> list[Entry]:
    """Every row, read in pieces."""
    return [entry async for entry in trails.entries(database)]


async def test_a_trail_is_read_in_pieces(
    database: Database, tampering: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await everything(database)
    for size in (1, 2, ROWS, ROWS + 1):
        monkeypatch.setattr(trails, "PIECE", size)
        assert await everything(database) == whole
        assert await trails.verify(database) == Verified(
            first=whole[0], last=whole[-1], head=Head(id=ROWS, hash=whole[-1].hash), broken=None
        )


async def test_rows_from_before_the_chain_are_numbered_and_chained(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    async with database.transaction() as connection:
        await connection.run_sync(lambda sync: command.upgrade(migrations.config(sync), "0001"))
        statement = text(
            "INSERT INTO audit (id, at, actor, action, environment, outcome, detail) "
            "VALUES (:id, '2026-01-05T14:30:00.000000+00:00', 'discord:11', 'deploy', 'prod', 'requested', '한\"\\')"
        )
        await connection.execute(statement, [{"id": id} for id in (2, 3, 7, *range(20, 2020))])
    assert await migrations.upgrade(database) == migrations.head()
    async with database.transaction() as connection:
        await audit.note(connection, at=after(1), actor="chatops", action="deploy", outcome="succeeded")

    rows = await everything(database)
    assert await verified(database) == "2004 holds"
    expected = trail.linked(
        replace(rows[0], actor="discord:11", environment="prod", detail='한"\\', roles=None, digest=None),
        to=trail.START,
    )
    assert rows[0] == expected
    await database.close()
