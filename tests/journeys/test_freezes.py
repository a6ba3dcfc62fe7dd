"""/freeze add, list and remove, and a hot-fix, from chat: what the team sees, what is stopped, and who may."""

from datetime import timedelta

import pytest
from simcord.results import InteractionResult

from bot.domain.operations import OperationState
from bot.domain.reasons import SENTENCES, Reason
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.people import old_copy
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"
WHY, FIRE = "the big sale", "payments fail since 02:10"
PROD = {"environment": "prod", "service": "ticket-service"}


async def ask(scene: Scene, who: str, command: str, **options: object) -> InteractionResult:
    """Somebody uses a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **options)


def ends(clock: Clock, **later: float) -> str:
    """A moment as people write it, in UTC."""
    return f"{clock() + timedelta(**later):%Y-%m-%dT%H:%M}"


async def frozen(scene: Scene, clock: Clock) -> str:
    """Jisoo freezes prod for a day; the id of the freeze."""
    told = seeing.told(
        await ask(scene, "jisoo", "freeze add", environment="prod", reason=WHY, until=ends(clock, days=1))
    )
    assert told[0] == "❄️ prod · freeze added"
    return told[1].split("`/freeze remove freeze:")[1].split("`")[0]


async def test_a_freeze_from_its_reason_to_its_end(scene: Scene, rows: Rows, clock: Clock) -> None:
    channel, people = scene.town.releases, scene.town.people
    scene.world.release("prod", "ticket-service", login="hyunwoo")
    await scene.world.settle()
    await ask(scene, "minji", "deploy", **PROD)
    card = await seeing.message(channel, titled=f"{PLACE} · waiting for approval")
    before = old_copy(scene, card)
    name = await frozen(scene, clock)

    held = await seeing.message(channel, titled=f"{PLACE} · frozen, waiting for approval")
    line, _, way_out = seeing.seen(held).text.split(seeing.GAP)[-2].partition("\n")
    assert way_out.startswith(f"↳ `/freeze remove freeze:{name} reason:` removes it.")
    assert (held.id, line.startswith("❄️ **prod** frozen until <t:"), line.endswith(f"by jisoo: {WHY}")) == (
        card.id,
        True,
        True,
    )
    told = [await before.press(people["jisoo"], "Approve"), await ask(scene, "minji", "deploy", **PROD)]
    for title, text in map(seeing.told, told):
        assert (title, text.startswith(SENTENCES[Reason.FROZEN])) == ("Refused", True)
    assert "❄️ **prod** frozen until" in fields(await ask(scene, "sora", "status", environment="prod"))[0][1]
    assert [row[0] for row in fields(await ask(scene, "sora", "freeze list"))] == ["❄️ prod"]

    # The request outlives the freeze, and can be approved when it is over, also after a restart.
    await scene.stop()
    clock.pass_by(days=1)
    await scene.start()
    card = await seeing.message(channel, titled=f"{PLACE} · waiting for approval")
    assert seeing.told(await ask(scene, "sora", "freeze list")) == ("Freeze windows", "Nothing is or will be frozen.")
    await people["jisoo"].click(card, label="Approve")
    await rows.ended()
    assert [one.state for one in await rows.operations()] == [OperationState.SUCCEEDED]
    trail = [entry[:3] for entry in await rows.audit() if entry.action == "freeze"]
    assert trail == [(f"discord:{people['jisoo'].id}", "freeze", "added"), ("chatops", "freeze", "over")]
    gone = seeing.told(await ask(scene, "jisoo", "freeze remove", freeze=name))
    assert gone == ("Refused", SENTENCES[Reason.FREEZE_UNKNOWN])


async def test_a_hot_fix_goes_through_with_approval(scene: Scene, rows: Rows, clock: Clock) -> None:
    channel, people = scene.town.releases, scene.town.people
    await frozen(scene, clock)
    scene.world.release("prod", "ticket-service", login="hyunwoo")
    await scene.world.settle()
    await ask(scene, "minji", "deploy", **PROD, hotfix=FIRE)
    card = await seeing.message(channel, titled=f"🔥 {PLACE} · waiting for approval")
    assert seeing.seen(card).text.split(seeing.GAP)[0] == f"🔥 **Hot-fix**: {FIRE}"
    await people["jisoo"].click(card, label="Approve")
    await rows.ended()
    await seeing.message(channel, titled=f"🔥 {PLACE} · deployed")
    # From staging to prod as well; without the reason it is refused.
    options = {"service": "backend", "from": "staging", "to": "prod"}
    told = seeing.told(await ask(scene, "minji", "promote", **options))
    assert (told[0], told[1].startswith(SENTENCES[Reason.FROZEN])) == ("Refused", True)
    told = seeing.told(await ask(scene, "minji", "promote", **options, hotfix=" "))
    assert told == ("Refused", SENTENCES[Reason.NO_REASON])


async def test_a_freeze_by_cron_is_found_by_typing_and_removed(scene: Scene, clock: Clock) -> None:
    weekly = {"environment": "prod", "reason": WHY, "cron": "0 18 * * FRI", "for": "62h", "zone": "Asia/Seoul"}
    title, text = seeing.told(await ask(scene, "jisoo", "freeze add", **weekly, service="backend"))
    assert (title, text.splitlines()[1]) == (
        "❄️ backend → prod · freeze added",
        "`0 18 * * FRI` in Asia/Seoul, for 2d 14h",
    )
    people, channel = scene.town.people, scene.town.releases
    assert await people["guest"].autocomplete(channel, "freeze remove", "freeze", "") == []
    assert await people["jisoo"].autocomplete(channel, "freeze remove", "freeze", "staging") == []
    [offered] = await people["jisoo"].autocomplete(channel, "freeze remove", "freeze", "fri")
    assert offered["name"] == f"backend → prod · 0 18 * * FRI · {WHY}"
    zones = await people["jisoo"].autocomplete(channel, "freeze add", "zone", "seoul")
    assert [one["value"] for one in zones] == ["Asia/Seoul"]
    assert await people["guest"].autocomplete(channel, "freeze add", "zone", "seoul") == []

    told = seeing.told(await ask(scene, "minji", "freeze remove", freeze=offered["value"]))
    whose = f"The freeze of **backend → prod** was added by jisoo ⏱: {WHY}"
    assert (told[0], seeing.steady(told[1])) == ("Refused", f"{SENTENCES[Reason.NO_REASON]} {whose}")
    told = seeing.told(await ask(scene, "minji", "freeze remove", freeze=offered["value"], reason="sold out"))
    assert (told[0], seeing.steady(told[1])) == ("❄️ backend → prod · freeze removed", whose)


@pytest.mark.parametrize(
    ("who", "options", "reason"),
    [
        ("hyunwoo", {}, Reason.MISSING_ROLE),
        ("jisoo", {"environment": "nowhere"}, Reason.UNKNOWN_ENVIRONMENT),
        ("jisoo", {"service": "chat"}, Reason.UNKNOWN_SERVICE),
        ("jisoo", {"until": "friday"}, Reason.FREEZE_TIMES),
        ("jisoo", {"zone": "Seoul/Asia"}, Reason.ZONE_UNKNOWN),
    ],
)
async def test_what_is_no_freeze_is_refused(
    scene: Scene, clock: Clock, who: str, options: dict[str, str], reason: Reason
) -> None:
    given = {"environment": "prod", "reason": WHY, "until": ends(clock, days=1), **options}
    title, text = seeing.told(await ask(scene, who, "freeze add", **given))
    assert (title, text.startswith(SENTENCES[reason])) == ("Refused", True)
    assert seeing.told(await ask(scene, who, "freeze list")) == ("Freeze windows", "Nothing is or will be frozen.")
    if reason is Reason.MISSING_ROLE:
        name = await frozen(scene, clock)
        for other in (who, "guest"):
            told = seeing.told(await ask(scene, other, "freeze remove", freeze=name, reason="sold out"))
            assert (told[0], told[1].startswith(SENTENCES[reason])) == ("Refused", True)
        guest = seeing.told(await ask(scene, "guest", "freeze list"))
        assert guest[1].startswith(SENTENCES[reason])


def fields(result: InteractionResult) -> list[tuple[str, str]]:
    """The fields of a private answer."""
    assert result.response is not None
    [embed] = result.response.message.embeds
    return [(field.name or "", field.value or "") for field in embed.fields]
