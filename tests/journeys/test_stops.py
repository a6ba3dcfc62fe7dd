"""/stop and /resume, from chat: two words, both channels, everything held, also over a restart, and then it goes on."""

import pytest
from simcord.results import InteractionResult

from bot.domain.operations import OperationState
from bot.domain.reasons import SENTENCES, Reason
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.people import old_copy
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"
ALARM, FINE = "nobody knows what happens", "it was the cache"
TOLD = f"🛑 **Everything is stopped** by jisoo ⏱: {ALARM}"
WAY_OUT = "`/resume` lets everything go on. `/terminate` stops a sync meanwhile."


async def ask(scene: Scene, who: str, command: str, **options: object) -> InteractionResult:
    """Somebody uses a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **options)


async def fill(scene: Scene, who: str, command: str, *, reason: str, word: str) -> tuple[str, str]:
    """Somebody uses a command that asks, and answers."""
    form = await ask(scene, who, command)
    title, text = seeing.told(await scene.town.people[who].submit_modal(form, {"reason": reason, "word": word}))
    return title, seeing.steady(text)


async def test_everything_is_stopped_and_goes_on(scene: Scene, rows: Rows, clock: Clock) -> None:
    channel, alerts, people = scene.town.releases, scene.town.alerts, scene.town.people
    scene.world.release("prod", "ticket-service", login="hyunwoo")
    await scene.world.settle()
    await ask(scene, "minji", "deploy", environment="prod", service="ticket-service")
    card = await seeing.message(channel, titled=f"{PLACE} · waiting for approval")
    before = old_copy(scene, card)

    # Without the two words nothing happens, and the case of them says nothing.
    refused = await fill(scene, "jisoo", "stop", reason=ALARM, word="stop")
    assert refused == ("Refused", SENTENCES[Reason.NOT_CONFIRMED])
    title, text = await fill(scene, "jisoo", "stop", reason=ALARM, word="Stop everything")
    assert (title, text.splitlines()[-1]) == ("🛑 Everything is stopped", "It stands until `/resume`.")
    for place in (channel, alerts):
        notice = await seeing.message(place, titled="🛑 Everything is stopped by jisoo")
        assert seeing.seen(notice).text.split(seeing.GAP)[::2] == [f"{ALARM}\nSince ⏱", f"**Next** {WAY_OUT}"]
    again = seeing.told(await ask(scene, "minji", "stop"))
    assert (again[0], seeing.steady(again[1])) == ("Refused", f"{SENTENCES[Reason.STOPPED_ALREADY]} {TOLD}")

    # What waits says so; a press on an old copy of it and every order are refused in the same words.
    held = await seeing.message(channel, titled=f"{PLACE} · stopped, waiting for approval")
    assert (held.id, seeing.seen(held).text.split(seeing.GAP)[-2]) == (card.id, f"{TOLD}\n↳ {WAY_OUT}")
    prod = {"environment": "prod", "service": "backend"}
    told = [
        await before.press(people["jisoo"], "Approve"),
        await ask(scene, "minji", "deploy", **prod),
        await ask(scene, "jisoo", "restart", **prod),
        await ask(scene, "hyunwoo", "refresh", environment="staging"),
    ]
    assert {(title, seeing.steady(text)) for title, text in map(seeing.told, told)} == {
        ("Refused", f"{SENTENCES[Reason.STOPPED]}\n{TOLD}\n↳ {WAY_OUT}")
    }
    status = await ask(scene, "sora", "status")
    assert seeing.answer(status).text == TOLD

    # It outlives the process, people are reminded once, and the request does not expire.
    await scene.stop()
    clock.pass_by(hours=30)
    await scene.start()
    for place in (channel, alerts):
        await seeing.message(place, titled="🛑 Everything is still stopped by jisoo")
    await rows.quiet()
    assert seeing.titles(alerts).count("🛑 Everything is still stopped by jisoo") == 1
    assert [one.state for one in await rows.operations()] == [OperationState.WAITING]
    assert scene.argocd.received("POST") == []

    refused = await fill(scene, "minji", "resume", reason=FINE, word="stop everything")
    assert refused == ("Refused", SENTENCES[Reason.NOT_CONFIRMED])
    title, text = await fill(scene, "minji", "resume", reason=FINE, word="resume everything")
    assert (title, text.endswith("One operation goes on.")) == ("▶️ Everything goes on", True)
    for place in (channel, alerts):
        gone = await seeing.message(place, titled="▶️ Everything goes on · resumed by minji")
        assert seeing.seen(gone).text.splitlines()[1] == f"minji: {FINE}"
    card = await seeing.message(channel, titled=f"{PLACE} · waiting for approval")
    await people["jisoo"].click(card, label="Approve")
    await rows.ended()
    assert [one.state for one in await rows.operations()] == [OperationState.SUCCEEDED]
    trail = [entry[:3] for entry in await rows.audit() if entry.action in ("stop", "resume")]
    jisoo, minji = (f"discord:{people[name].id}" for name in ("jisoo", "minji"))
    assert trail == [(jisoo, "stop", "stopped"), ("chatops", "stop", "reminded"), (minji, "resume", "resumed")]


async def test_who_may_not_is_asked_nothing(scene: Scene, rows: Rows) -> None:
    for who in ("hyunwoo", "sora", "guest"):
        for command in ("stop", "resume"):
            title, text = seeing.told(await ask(scene, who, command))
            assert (title, text.startswith(SENTENCES[Reason.MISSING_ROLE])) == ("Refused", True)
    assert seeing.told(await ask(scene, "jisoo", "resume")) == ("Refused", SENTENCES[Reason.NOT_STOPPED])
    # Whose role is taken away while the form is open is refused like anybody else.
    jisoo = scene.town.people["jisoo"]
    form = await ask(scene, "jisoo", "stop")
    scene.env.backend.edit_member(scene.town.guild.id, jisoo.id, {"role_ids": []})
    title, text = seeing.told(await jisoo.submit_modal(form, {"reason": ALARM, "word": "stop everything"}))
    assert (title, text.startswith(SENTENCES[Reason.MISSING_ROLE])) == ("Refused", True)
    await rows.quiet()
    await until(lambda: seeing.titles(scene.town.releases) == [])
