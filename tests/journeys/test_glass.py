"""Broken glass from the press to its review: on the card, in the alerts channel, and loudly in the audit channel."""

import re

import pytest
from simcord.builders import ChannelHandle

from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"
WHY = {"reason": "payments **fail**, @everyone asleep", "word": "prod"}
SAID = r"payments \*\*fail\*\*, \@everyone asleep"


async def rebuilt(scene: Scene) -> ChannelHandle:
    """The bot with an audit channel, where developers may break the glass in prod."""
    channel = scene.town.guild.create_text_channel("audit")
    granted = {**scene.topology.roles, "prod": {**scene.topology.roles.get("prod", {})}}
    granted["prod"]["break_glass"] = (scene.town.roles["Developer"].id,)  # type: ignore[index]
    written = scene.topology.model_dump(mode="json")
    channels = written["channels"] | {"audit": channel.id}
    await scene.stop()
    scene.topology = type(scene.topology).model_validate(written | {"roles": granted, "channels": channels})
    await scene.start()
    return channel


def loud(channel: ChannelHandle) -> list[seeing.Seen]:
    """The messages that are no plain copy of rows, without moments, numbers and hashes."""

    def steady(text: str) -> str:
        text = re.sub(r"<t:\d+:f>", "⏱", text)
        return re.sub(r"head \d+:[0-9a-f]{16} · audit (\d+)-\1$", "head …", re.sub(r"^#\d+", "#…", text, flags=re.M))

    found = [one for one in seeing.board(channel) if not one.title.startswith("Audit #")]
    return [
        seeing.Seen(
            title=one.title,
            text=steady(one.text),
            content=one.content,
            buttons=one.buttons,
            links=one.links,
            footer=steady(one.footer),
        )
        for one in found
    ]


async def test_nobody_reads_over_it_until_another_person_has_looked(scene: Scene, rows: Rows, clock: Clock) -> None:
    channel = await rebuilt(scene)
    town = scene.town
    minji, jisoo, role = town.people["minji"], town.people["jisoo"], town.roles["Release manager"]
    await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")
    card = await seeing.message(town.releases, titled="waiting for approval")
    await minji.submit_modal(await minji.click(card, label="Break glass"), WHY)

    await until(lambda: loud(channel))
    await rows.ended()
    row = "#… ⏱ {} **break\\_glass** `ticket-service → prod` · {}"
    granted = seeing.Seen(
        title=f"🚨 Glass broken · {PLACE}",
        text=seeing.GAP.join(
            [
                f"<@{minji.id}> let {PLACE} go alone: {SAID}\n"
                f"**Review due by ⏱**: **@Release manager**, but not <@{minji.id}> or who asked for it or wrote it, "
                "acknowledges it.",
                row.format(f"<@{minji.id}>", "granted"),
            ]
        ),
        content=role.mention,
        links=("Open the card",),
        footer="head …",
    )
    assert loud(channel) == [granted]
    [message] = [one for one in channel.history() if "Glass broken" in (one.embeds[0].title or "")]
    assert seeing.urls(message)["Open the card"].endswith(f"/{town.releases.id}/{card.id}")
    due = int(re.findall(r"\*\*Review due by <t:(\d+):f>\*\*", message.embeds[0].description or "")[0])
    [consent] = await rows.approvals()
    assert consent.broken is not None
    assert due == int(consent.broken.at.timestamp()) + 4 * 3600
    shown = seeing.board(town.releases)[0]
    assert shown.title == f"🚨 {PLACE} · deployed in ⏱"
    assert shown.text.startswith(f"🚨 **minji broke the glass**: {SAID}\nNobody has reviewed it yet.")

    clock.pass_by(hours=4)
    await until(lambda: len(loud(channel)) == 2)
    reminded = await seeing.message(town.alerts, titled="broken glass is not reviewed yet")
    own = "You broke this glass yourself, so another person has to acknowledge it. prod:approve belongs to {}."
    assert seeing.told(await minji.click(reminded, label="Acknowledge"))[1] == own.format("**@Release manager**")
    assert seeing.told(await jisoo.click(reminded, label="Acknowledge"))[0] == f"{PLACE} · reviewed"
    await until(lambda: len(loud(channel)) == 3)
    await rows.quiet()

    quoted = f"minji: {SAID}"
    assert loud(channel) == [
        granted,
        seeing.Seen(
            title=f"🚨 Broken glass is not reviewed yet · {PLACE}",
            text=seeing.GAP.join(
                [f"{PLACE} went alone. {quoted}", row.format("`chatops`", "reminded")],
            ),
            links=("Open the card",),
            footer="head …",
        ),
        seeing.Seen(
            title=f"✅ Broken glass reviewed · {PLACE}",
            text=seeing.GAP.join(
                [
                    f"<@{jisoo.id}> reviewed that {PLACE} went alone. {quoted}",
                    row.format(f"<@{jisoo.id}>", "reviewed"),
                ]
            ),
            links=("Open the card",),
            footer="head …",
        ),
    ]
    colours = [one.embeds[0].colour for one in channel.history() if "lass" in (one.embeds[0].title or "")]
    assert [str(colour) for colour in colours] == ["#f23f43", "#f0b232", "#23a55a"]
    assert seeing.board(town.releases)[-1].text.startswith(f"🚨 **minji broke the glass**: {SAID}\nReviewed by jisoo ⏱")
    called = [(role.mention, [str(role.id)])]
    assert seeing.calls(scene) == called * 4, "for consent, in both channels, and by the reminder"
    numbers = [int(line[1:].partition(" ")[0]) for one in seeing.board(channel) for line in lines(one.text)]
    assert numbers == [one.id for one in await rows.trail() if one.outcome != "passed"]


def lines(text: str) -> list[str]:
    """The rows in a message."""
    return [line for line in text.splitlines() if line.startswith("#")]
