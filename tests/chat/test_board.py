"""The board against a simulated Discord and a real database: one message, edited only when something changed."""

import asyncio
from dataclasses import replace

from bot.cards.base import Button, Style, digest
from bot.chat import messages
from tests.chat.shelf import FIRST, Shelf
from tests.chat.town import until


async def test_a_card_is_posted_once_and_edited_only_when_it_differs(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        shelf.town.clock.pass_by(seconds=2)
        await shelf.put(None)
        await shelf.settle()
        assert shelf.town.writes() == ["post"]

        await shelf.put(replace(FIRST, description="two"))
        await shelf.settle()

    assert shelf.town.writes() == ["post", "edit"]
    [message] = shelf.town.releases.history()
    assert [embed.to_dict() for embed in message.embeds] == [
        {
            "type": "rich",
            "title": "ticket-service → prod · building",
            "color": 0x5865F2,
            "description": "two",
            "footer": {"text": "release 1"},
            "flags": 0,
        }
    ]
    row = await shelf.row()
    assert row["message_id"] == message.id
    assert row["digest"] == digest(replace(FIRST, description="two"))
    assert (row["stale_since"], row["posting_since"], row["generation"], row["failures"]) == (None, None, 0, 0)


async def test_a_burst_is_one_post_at_once_and_then_one_edit(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        for number in range(10):
            await shelf.put(replace(FIRST, description=f"step {number}"))
            shelf.town.clock.pass_by(milliseconds=100)
            await shelf.settle()
        assert shelf.town.writes() == ["post"]

        shelf.town.clock.pass_by(milliseconds=500)
        await shelf.settle()

    assert shelf.town.writes() == ["post", "edit"]
    assert shelf.town.releases.history()[0].embeds[0].description == "step 9"


async def test_a_change_while_the_card_is_being_shown_is_not_lost(shelf: Shelf) -> None:
    async def change_meanwhile() -> None:
        shelf.on_render = None
        await shelf.put(None)

    async with shelf.board():
        shelf.on_render = lambda _key: change_meanwhile()
        await shelf.put(FIRST)
        await until(lambda: shelf.seen == [("post", "done")])
        await shelf.settle()
        shelf.cards["release:1"] = replace(FIRST, description="meanwhile")
        shelf.town.clock.pass_by(seconds=2)
        await shelf.settle()

    assert shelf.town.releases.history()[0].embeds[0].description == "meanwhile"


async def test_a_waiting_card_calls_its_role_when_posted_and_nobody_when_edited(shelf: Shelf) -> None:
    role = shelf.town.approvers.id
    waiting = replace(
        FIRST,
        mention=role,
        description=f"**Next** <@&{role}> approves @everyone",
        buttons=(
            Button(label="Approve", custom_id="chatops:approve:1", style=Style.GOOD),
            Button(label="Run", url="https://github.com/o/r/actions/runs/1"),
        ),
    )
    async with shelf.board():
        await shelf.put(waiting)
        await shelf.settle()
        shelf.town.clock.pass_by(seconds=2)
        await shelf.put(replace(waiting, description="still"))
        await shelf.settle()

    bodies = [request.json for request in shelf.town.env.http_requests if "/messages" in request.path]
    [posted, edited] = [body for body in bodies if isinstance(body, dict)]
    assert (posted["content"], posted["nonce"], posted["enforce_nonce"]) == (
        f"<@&{role}>",
        messages.nonce("release:1", part=0),
        True,
    )
    assert posted["allowed_mentions"] == {"parse": [], "roles": [role]}
    assert posted["embeds"][0]["description"] == "**Next** **@Approvers** approves @everyone"
    assert [[part["label"] for part in row["components"]] for row in posted["components"]] == [["Approve"], ["Run"]]
    assert (edited["content"], edited["allowed_mentions"]) == (f"<@&{role}>", {"parse": []})
    assert shelf.town.env.bot.persistent_views == []


async def test_a_deleted_message_is_posted_again(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        [message] = shelf.town.releases.history()
        await message.delete()
        shelf.town.clock.pass_by(seconds=2)
        await shelf.put(replace(FIRST, description="two"))
        await shelf.settle()

    [again] = shelf.town.releases.history()
    assert again.id != message.id
    assert again.embeds[0].footer.text == "release 1 · part 2"
    assert (await shelf.row())["message_id"] == again.id
    assert shelf.seen == [("post", "done"), ("edit", "gone"), ("post", "done")]


async def test_an_old_card_goes_on_in_a_new_message(shelf: Shelf) -> None:
    pressed = replace(FIRST, buttons=(Button(label="Approve", custom_id="chatops:approve:1"),))
    async with shelf.board():
        await shelf.put(pressed)
        await shelf.settle()
        shelf.town.clock.pass_by(hours=1, seconds=1)
        await shelf.put(replace(pressed, description="two"))
        await shelf.settle()
        await until(lambda: len(shelf.town.writes()) == 3)

    old, new = shelf.town.releases.history()
    assert [old.embeds[0].title, new.embeds[0].title] == [
        "ticket-service → prod · continued below",
        "ticket-service → prod · building",
    ]
    assert old.embeds[0].description == (
        "This went on for long, so it goes on in [a newer message]"
        f"(https://discord.com/channels/{shelf.town.guild.id}/{shelf.town.releases.id}/{new.id})."
    )
    assert [old.components, len(new.components)] == [[], 1]
    assert shelf.town.writes() == ["post", "post", "edit"]
    assert (await shelf.row())["retired_message_id"] is None


async def test_at_most_four_cards_are_written_at_once(shelf: Shelf) -> None:
    waiting, most, gate = 0, 0, asyncio.Event()

    async def hold() -> None:
        nonlocal waiting, most
        waiting, most = waiting + 1, max(most, waiting + 1)
        await gate.wait()
        waiting -= 1

    shelf.on_render = lambda _key: hold()
    for number in range(9):
        await shelf.put(replace(FIRST, title=str(number), reference=f"release {number}"), key=f"release:{number}")
    async with shelf.board():
        await until(lambda: waiting == 4)
        gate.set()
        await until(lambda: len(shelf.titles()) == 9)

    assert most == 4
    assert sorted(shelf.titles()) == [str(number) for number in range(9)]


async def test_nothing_to_show_leaves_nothing_stale(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(None)
        await shelf.settle()

    assert (await shelf.row())["stale_since"] is None
    assert shelf.titles() == []
