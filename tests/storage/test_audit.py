"""The audit trail: who did what, where, and what became of it; one chain, whoever writes at the same time."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase

from bot.domain import trail
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason
from bot.domain.trail import GENESIS, Entry, Head
from bot.storage import audit, markers, schema
from bot.storage.audit import Wanted
from bot.storage.engine import Database
from tests.domain.examples import OPERATION_ID, after, operation

pytestmark = pytest.mark.storage

MINA = Actor(
    id=11, name="mina", guild_id=1, role_ids=frozenset({1, 300, 2**62}), origin="interaction:1234567890123456789"
)


async def stored(database: Database) -> list[Entry]:
    """Every row."""
    async with database.reading() as connection:
        return await audit.following(connection, 0, limit=1000)


async def noted(database: Database, *details: str, **more: object) -> None:
    """Rows in one transaction."""
    known = {"at": after(0), "actor": "chatops", "action": "refresh", "outcome": "succeeded"} | more
    async with database.transaction() as connection:
        for detail in details:
            await audit.note(connection, detail=detail, **known)  # type: ignore[arg-type]


async def test_a_row_has_who_in_which_roles_what_about_and_where_it_came_from(database: Database) -> None:
    async with database.transaction() as connection:
        await audit.note(
            connection,
            at=after(1),
            actor=MINA,
            action="deploy",
            outcome="refused",
            operation=operation(),
            environment="ignored",
            reason=Reason.WINDOW_CLOSED,
            detail="until noon",
        )

    [entry] = await stored(database)
    content = operation().content
    assert content is not None
    assert {**asdict(entry), "hash": ""} == {
        "id": 1,
        "at": "2026-01-05T14:30:01.000000+00:00",
        "actor": "discord:11",
        "roles": '["300","4611686018427387904"]',
        "action": "deploy",
        "environment": "prod",
        "service": "ticket-service",
        "operation_id": OPERATION_ID,
        "correlation": "interaction:1234567890123456789",
        "outcome": "refused",
        "reason": "window_closed",
        "digest": content.digest,
        "detail": "until noon",
        "previous": GENESIS,
        "hash": "",
    }
    assert entry.hash == trail.fingerprint(entry)


async def test_rows_follow_each_other_by_number_whatever_the_clock_says(database: Database) -> None:
    await noted(database, "first", "x" * 2000, at=after(60))
    await noted(database, "earlier", at=after(-60))

    first, second, third = await stored(database)
    assert [entry.detail for entry in (first, second, third)] == ["first", "x" * 1000, "earlier"]
    assert (first.at, third.at) == ("2026-01-05T14:31:00.000000+00:00", "2026-01-05T14:29:00.000000+00:00")
    assert [first.previous, second.previous, third.previous] == [GENESIS, first.hash, second.hash]
    async with database.reading() as connection:
        assert await audit.head(connection) == Head(id=3, hash=third.hash)


@pytest.mark.parametrize("number", [2**63, 2**70, -1])
async def test_ids_of_any_size_and_text_that_no_database_takes_are_kept(database: Database, number: int) -> None:
    who = Actor(id=number, name="x", guild_id=None, role_ids=frozenset({number}), origin=f"interaction:{number}")
    await noted(database, "nul\0 and half a pair \ud800", actor=who, environment="e" * 300)

    [entry] = await stored(database)
    assert (entry.actor, entry.roles) == (f"discord:{number}", f'["{number}"]')
    assert (entry.detail, entry.environment) == ("nul and half a pair ", "e" * 64)
    assert entry.hash == trail.fingerprint(entry)


async def test_what_is_rolled_back_leaves_no_trail_and_no_gap(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as connection:
            await audit.note(connection, at=after(1), actor="chatops", action="deploy", outcome="requested")
            raise LookupError

    await noted(database, "before")
    with pytest.raises(LookupError):
        await fail()
    await noted(database, "after")

    assert [(entry.id, entry.detail) for entry in await stored(database)] == [(1, "before"), (2, "after")]


async def test_many_writers_at_once_make_one_chain(database: Database, database_url: str) -> None:
    """Each holds something else that another wants next: with the chain's lock anywhere but last they would wait."""
    other = Database(database_url)

    async def write(handle: Database, number: int) -> None:
        async with handle.transaction() as connection:
            await audit.note(connection, at=after(number), actor="chatops", action="deploy", outcome="requested")
            await asyncio.sleep(0)
            await markers.write(connection, f"{number % 3}", value="x")
            await audit.note(connection, at=after(number), actor="chatops", action="deploy", outcome="succeeded")

    await asyncio.gather(*(write((database, other)[number % 2], number) for number in range(60)))
    await other.close()

    head, entries = trail.START, await stored(database)
    for entry in entries:
        head = trail.follow(head, entry)
    assert head.id == len(entries) == 120
    assert [entry.at for entry in entries[::2]] == [entry.at for entry in entries[1::2]]


async def test_a_note_without_a_transaction_of_the_bot_is_a_mistake(database: Database) -> None:
    async with database.engine.begin() as connection:
        with pytest.raises(KeyError):
            await audit.note(connection, at=after(1), actor="chatops", action="deploy", outcome="requested")


@pytest.mark.parametrize(
    "statement",
    [
        lambda: update(schema.audit).values(detail="nothing happened"),
        lambda: delete(schema.audit),
        lambda: insert(schema.audit).values(
            id=2, at=after(1), actor="a", action="b", outcome="c", detail="", previous=None, hash=None
        ),
    ],
    ids=["update", "delete", "insert"],
)
async def test_the_database_refuses_to_change_or_delete_a_row(
    database: Database, statement: Callable[[], UpdateBase]
) -> None:
    await noted(database, "kept")
    before = await stored(database)

    async def change() -> None:
        async with database.transaction() as connection:
            await connection.execute(statement())

    with pytest.raises(DBAPIError, match=r"append-only|(?i:not.null)"):
        await change()
    assert await stored(database) == before


@pytest.mark.parametrize("number", [1, 2, 3, -1, None])
async def test_no_row_is_put_in_the_place_of_another(database: Database, number: int | None) -> None:
    """The ways around an UPDATE that each database has, with the number of a row that is there, or none."""
    await noted(database, "first", "second", "third")
    before = await stored(database)
    names = ", ".join(name for name in asdict(before[0]) if name != "id")
    taken = f"SELECT {'NULL' if number is None else number}, {names.replace('detail', chr(39) + 'forged' + chr(39), 1)}"
    row = f"INTO audit (id, {names}) {taken} FROM audit WHERE id = 1"

    async def forge(statement: str) -> None:
        async with database.transaction() as connection:
            await connection.execute(text(statement))

    upsert = f"INSERT {row.replace('WHERE', 'WHERE true AND')} ON CONFLICT (id) DO UPDATE SET detail = 'forged'"
    ways = [upsert]
    if database.engine.dialect.name == "sqlite":
        ways += [f"INSERT OR {word} {row}" for word in ("REPLACE", "IGNORE", "FAIL", "ROLLBACK")] + [f"REPLACE {row}"]
    for statement in ways:
        with pytest.raises(DBAPIError, match=r"append-only|(?i:not.null)"):
            await forge(statement)
        assert await stored(database) == before
    await noted(database, "fourth")
    assert [entry.detail for entry in await stored(database)] == ["first", "second", "third", "fourth"]


async def test_rows_are_found_by_everything_that_is_asked_for(database: Database) -> None:
    await noted(database, "1", environment="prod", at=after(10))
    await noted(database, "2", environment="dev", action="deploy", outcome=audit.PASSED, at=after(20))
    await noted(database, "3", actor=MINA, at=after(30))
    await noted(database, "4", environment="prod", service="backend", actor=MINA, at=after(5))

    async def found(**wanted: object) -> str:
        async with database.reading() as connection:
            rows = await audit.following(connection, 0, limit=9, wanted=Wanted(**wanted))  # type: ignore[arg-type]
            back = await audit.preceding(connection, None, limit=9, wanted=Wanted(**wanted))  # type: ignore[arg-type]
        assert back == rows[::-1]
        return "".join(entry.detail for entry in rows)

    assert await found() == "1234"
    assert await found(environments=["prod"]) == "14"
    assert await found(environments=["prod", "dev"]) == "124"
    assert await found(environments=[]) == ""
    assert await found(actors=["discord:11"]) == "34"
    assert await found(actors=["discord:11"], environments=["prod"]) == "4"
    assert await found(action="deploy") == "2"
    assert await found(service="backend") == await found(service="backend", environments=["prod"]) == "4"
    assert await found(service="backend", environments=["dev"]) == ""
    assert await found(since=after(10), until=after(30)) == "12"
    assert await found(passed=False) == "134"
    await noted(database, "5", actor="github:MinJi", at=after(1))
    await noted(database, "6", actor="github:minji2", at=after(1))
    assert await found(actors=["discord:11", "github:minji"]) == "345"
    assert await found(actors=["github:MINJI"]) == "5"
    assert await found(actors=[]) == ""
    async with database.reading() as connection:
        assert [entry.id for entry in await audit.following(connection, 2, limit=1)] == [3]
        assert [entry.id for entry in await audit.preceding(connection, 3, limit=1)] == [2]


async def test_of_a_long_story_the_beginning_and_the_end_are_read(database: Database) -> None:
    async def told(first: int, newest: int, id: str = OPERATION_ID) -> tuple[list[str], list[str], int]:
        async with database.reading() as connection:
            story = await audit.story(connection, id, first=first, newest=newest)
        return [one.detail for one in story.first], [one.detail for one in story.newest], story.left

    assert await told(2, 3) == ([], [], 0)
    for number in range(7):
        await noted(database, str(number), operation=operation())
        await noted(database, "another", environment="prod")
    assert await told(2, 3) == (["0", "1"], ["4", "5", "6"], 2)
    assert await told(2, 5) == (["0", "1"], ["2", "3", "4", "5", "6"], 0)
    assert await told(4, 5) == (["0", "1", "2", "3"], ["4", "5", "6"], 0)
    assert await told(9, 9) == (["0", "1", "2", "3", "4", "5", "6"], [], 0)
    assert await told(2, 3, id="another") == ([], [], 0)
