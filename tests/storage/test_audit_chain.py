"""The chain in a real table: what somebody does to it with SQL is found, and rows from before it are taken into it."""

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace

import pytest
from alembic import command
from sqlalchemy import Executable, column, delete, insert, literal, select, table, text, update

from bot.domain import trail
from bot.domain.trail import Entry, Head
from bot.services import copies
from bot.services import trail as trails
from bot.services.trail import Verified
from bot.storage import audit, cards, markers, migrations
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

    await add(database, 3)
    assert await verified(database) == "6 holds"
    [*_, fifth, _] = await everything(database)
    why = f"its hash begins with {fifth.hash[:16]}, and {noted[4].hash} was noted"
    assert await verified(database, noted[4]) == f"4 #5: rewritten: {why}"


async def add(database: Database, rows: int, *, outcome: str = "expired") -> None:
    """The bot goes on, and numbers are given again."""
    for _ in range(rows):
        async with database.transaction() as connection:
            await audit.note(connection, at=after(9), actor="chatops", action="deploy", outcome=outcome)


@pytest.mark.parametrize("version", ["this", "earlier"])
async def test_an_end_that_was_copied_does_not_grow_back_unnoticed(
    database: Database, tampering: Callable[..., Awaitable[None]], version: str
) -> None:
    assert not await copies.step(database, now=after(9))  # nobody asked for a copy
    await copies.begin(database)  # at #5
    assert not await copies.step(database, now=after(9))
    await add(database, 3)
    assert await copies.step(database, now=after(9))
    await copies.begin(database)  # again, after a restart
    assert not await copies.step(database, now=after(9))  # until the message is there
    await cards.posted(database, "audit:6-8", message_id=1, digest=None, now=after(9))
    [*_, eighth] = await everything(database)
    known = eighth.hash
    assert await markers.get(database, "audit copy") == f"6-8:{known}"
    if version == "earlier":
        await markers.put(database, "audit copy", value="6-8")
        known = ""
    assert await verified(database) == "8 holds"

    await tampering(delete(RAW).where(RAW.c.id > 6))
    assert await verified(database) == "6 #8: missing: it was noted, and the trail ends at #6"
    for _ in range(2):
        with pytest.raises(trail.Broken) as caught:
            await copies.step(database, now=after(9))
        assert str(caught.value) == "#8: missing: it was copied into the audit channel, and is not there any more"
    key = f"audit-broken:8:{known[: trail.SHOWN]}"
    async with database.reading() as connection:
        assert await cards.known(connection, [key, "audit:6-8", "audit:9-11"]) == {key, "audit:6-8"}
    [card] = await cards.due(database, now=after(9), limit=9, besides=["audit:6-8"])
    assert (card.key, card.version) == (key, 1)

    await add(database, 5, outcome="failed")
    if not known:  # that had no hash, so only while the row was gone could it be seen
        assert await verified(database) == "11 holds"
        return
    [*_, eighth, _, _, _] = await everything(database)
    why = f"#8: rewritten: its hash begins with {eighth.hash[:16]}, and {known} was noted"
    assert await verified(database) == f"7 {why}"
    with pytest.raises(trail.Broken, match=why):
        await copies.step(database, now=after(9))


@pytest.mark.parametrize("name", ["audit_no_update", "audit_no_delete", "audit_no_replace"])
async def test_what_refuses_changes_is_missed(database: Database, name: str) -> None:
    assert (await trails.verify(database)).guarded
    async with database.transaction() as connection:
        postgres = connection.dialect.name == "postgresql"
        # On SQLite one with the right name that never says no; PostgreSQL can be told to overlook it.
        verb = {"audit_no_update": "UPDATE", "audit_no_delete": "DELETE"}.get(name, "INSERT")
        harmless = f"CREATE TRIGGER {name} BEFORE {verb} ON audit WHEN 0 BEGIN SELECT 1; END"
        off = (
            ["ALTER TABLE audit DISABLE TRIGGER audit_append_only"] if postgres else [f"DROP TRIGGER {name}", harmless]
        )
        for statement in off:
            await connection.execute(text(statement))
    found = await trails.verify(database)
    assert (found.guarded, found.broken) == (False, None)


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
            first=whole[0], last=whole[-1], head=Head(id=ROWS, hash=whole[-1].hash), broken=None, guarded=True
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
