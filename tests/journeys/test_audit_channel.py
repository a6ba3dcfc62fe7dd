"""The copy of the audit trail in a channel."""

import re

import pytest
from simcord.builders import ChannelHandle
from sqlalchemy import text as sql

from bot.storage.engine import Database
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.looks import ask
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey


async def with_a_channel(scene: Scene) -> ChannelHandle:
    """The bot again, with an audit channel."""
    channel = scene.town.guild.create_text_channel("audit")
    await scene.stop()
    place = scene.topology
    scene.topology = place.model_copy(update={"channels": place.channels.model_copy(update={"audit": channel.id})})
    await scene.start()
    return channel


def copied(channel: ChannelHandle) -> list[int]:
    """The numbers of the rows that the channel tells, in the order of its messages and lines."""
    return [int(line[1:].partition(" ")[0]) for message in seeing.board(channel) for line in message.text.splitlines()]


async def test_the_channel_has_every_row_once_however_often_the_bot_dies(scene: Scene, rows: Rows) -> None:
    await ask(scene, "guest", "refresh", environment="staging")
    channel = await with_a_channel(scene)
    for _ in range(3):
        for _ in range(6):
            await ask(scene, "guest", "refresh", environment="staging @everyone")
        await ask(scene, "jisoo", "refresh", environment="staging")
        await scene.kill()
        await scene.start()
    await rows.ended()

    entries = await rows.trail()
    last = max(one.id for one in entries)
    await until(lambda: last in copied(channel))
    await rows.quiet()
    assert copied(channel) == [one.id for one in entries if one.outcome != "passed" and one.id > 1]
    assert len(channel.history()) < 20
    by_id = {one.id: one for one in entries}
    for message in seeing.board(channel):
        head = re.fullmatch(r"head (\d+):([0-9a-f]{16}) · audit \d+-(\d+)", message.footer)
        assert head is not None
        assert by_id[int(head[1])].hash.startswith(head[2])
        assert head[1] == head[3]
    guest = scene.town.people["guest"].id
    assert re.sub(r"<t:\d+:f> ", "", seeing.board(channel)[0].text).splitlines()[0] == (
        f"#2 <@{guest}> **gate:refresh** `staging @everyone` · refused · `unknown_environment` · guest"
    )
    assert seeing.calls(scene) == []


async def test_a_trail_whose_end_was_cut_is_told_once_and_copied_no_further(
    scene: Scene, rows: Rows, database_url: str
) -> None:
    channel = await with_a_channel(scene)
    for _ in range(2):
        await ask(scene, "guest", "refresh", environment="staging")
    await until(lambda: copied(channel) == [1, 2])
    second = (await rows.trail())[-1]

    database = Database(database_url)
    async with database.transaction() as connection:
        postgres = connection.dialect.name == "postgresql"
        off = "ALTER TABLE audit DISABLE TRIGGER USER" if postgres else "DROP TRIGGER audit_no_delete"
        await connection.execute(sql(off))
        await connection.execute(sql("DELETE FROM audit WHERE id = 2"))
    await database.close()
    for _ in range(3):
        await ask(scene, "guest", "refresh", environment="staging")
    await until(lambda: "made anew" in seeing.board(channel)[-1].title)
    await scene.kill()
    await scene.start()
    await ask(scene, "guest", "refresh", environment="staging")
    await rows.quiet()

    *before, told = seeing.board(channel)
    assert [line[:2] for message in before for line in message.text.splitlines()] == ["#1", "#2"]
    assert told.title == "🚨 The audit trail was cut or made anew"
    assert told.text.startswith("Row #2 was told above, and is gone from the database or has another hash there.")
    assert told.footer == f"head 2:{second.hash[:16]} · audit 2:{second.hash[:16]}"
    assert len(await rows.audit()) == 5
