"""/lock, /unlock and /locks, from chat: what the team sees, what is stopped, who may, and what is remembered."""

import re

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
WHY = "the database is being migrated"
WAY_OUT = "`/unlock environment:prod reason:` removes it, `/lock environment:prod take_over:… reason:` makes it yours."
TOLD = f"🔒 **prod** locked by hyunwoo ⏱: {WHY}"


async def ask(scene: Scene, who: str, command: str, **options: object) -> InteractionResult:
    """Somebody uses a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **options)


async def test_a_lock_from_its_reason_to_its_end(scene: Scene, rows: Rows, clock: Clock) -> None:
    channel = scene.town.releases
    scene.world.release("prod", "ticket-service", login="hyunwoo")
    await scene.world.settle()
    await ask(scene, "minji", "deploy", environment="prod", service="ticket-service")
    card = await seeing.message(channel, titled=f"{PLACE} · waiting for approval")
    before = old_copy(scene, card)

    told = seeing.told(await ask(scene, "hyunwoo", "lock", environment="prod", reason=WHY))
    assert told == (
        "🔒 prod · locked",
        "Deploys and approvals are refused. Rollbacks and restarts are not.\n"
        "It stands until `/unlock environment:prod`.",
    )
    notice = await seeing.message(channel, titled="🔒 prod · locked by hyunwoo")
    assert seeing.seen(notice).text == seeing.GAP.join(
        (
            f"{WHY}\nSince ⏱ · It has no end of its own",
            "Deploys and approvals are refused. Rollbacks and restarts are not.",
            f"**Next** {WAY_OUT}",
        )
    )

    # The request that waits says so, and a press on an old copy of it is refused in the same words.
    locked = await seeing.message(channel, titled=f"{PLACE} · locked, waiting for approval")
    assert locked.id == card.id
    assert seeing.seen(locked).text.split(seeing.GAP)[-2:] == [
        f"{TOLD}\n↳ {WAY_OUT}",
        "**Next** Nobody can approve until the lock is gone.",
    ]
    pressed = seeing.told(await before.press(scene.town.people["jisoo"], "Approve"))
    asked = seeing.told(await ask(scene, "minji", "deploy", environment="prod", service="backend"))
    assert {(title, seeing.steady(text)) for title, text in (pressed, asked)} == {
        ("Refused", f"{SENTENCES[Reason.LOCKED]}\n{TOLD}\n↳ {WAY_OUT}")
    }
    assert scene.argocd.received("POST") == []

    # It is asked about, stands for hours, and the channel is reminded once, by a new message that calls nobody.
    [field] = fields(await ask(scene, "sora", "locks"))
    assert field == ("🔒 prod", f"hyunwoo ⏱\n{WHY}\n`/unlock environment:prod reason:`")
    status = fields(await ask(scene, "sora", "status", environment="prod"))
    assert status[0][1].splitlines()[0] == TOLD
    clock.pass_by(minutes=59)
    assert seeing.titles(channel).count("🔒 prod · still locked by hyunwoo") == 0
    await scene.stop()
    clock.pass_by(hours=30)
    await scene.start()
    await seeing.message(channel, titled="🔒 prod · still locked by hyunwoo")
    await rows.quiet()
    assert seeing.titles(channel).count("🔒 prod · still locked by hyunwoo") == 1

    # Somebody else removes it, with a reason.
    refused = seeing.told(await ask(scene, "jisoo", "unlock", environment="prod"))
    assert (refused[0], seeing.steady(refused[1])) == ("Refused", f"{SENTENCES[Reason.NO_REASON]} {TOLD}")
    removed = seeing.told(await ask(scene, "jisoo", "unlock", environment="prod", reason="the migration is done"))
    assert (removed[0], removed[1].startswith("It stood for 1d 6h")) == ("🔓 prod · unlocked", True)
    gone = await seeing.message(channel, titled="🔓 prod · unlocked by jisoo")
    assert seeing.seen(gone).text == f"hyunwoo locked it ⏱: {WHY}\njisoo: the migration is done"
    await rows.quiet()
    assert seeing.told(await ask(scene, "sora", "locks")) == ("Deploy locks", "Nothing is locked.")

    await ask(scene, "minji", "deploy", environment="prod", service="ticket-service")
    again = await seeing.message(channel, titled=f"{PLACE} · waiting for approval")
    await scene.town.people["jisoo"].click(again, label="Approve")
    await rows.ended()
    states = [operation.state for operation in await rows.operations()]
    assert states == [OperationState.EXPIRED, OperationState.SUCCEEDED]
    trail = [entry[:3] for entry in await rows.audit() if entry.action in ("lock", "unlock")]
    people = {name: f"discord:{person.id}" for name, person in scene.town.people.items()}
    assert trail == [
        (people["hyunwoo"], "lock", "locked"),
        ("chatops", "lock", "reminded"),
        (people["jisoo"], "unlock", "refused"),
        (people["jisoo"], "unlock", "unlocked"),
    ]


async def test_a_lock_is_taken_over_and_ends_by_itself(scene: Scene, rows: Rows, clock: Clock) -> None:
    await ask(scene, "hyunwoo", "lock", environment="staging", service="backend", reason="looking", **{"for": "2h"})
    options = {"environment": "staging", "service": "backend", "reason": "incident", "for": "30m", "rollbacks": True}
    held = await ask(scene, "jisoo", "lock", **options)
    assert seeing.told(held)[1].startswith(SENTENCES[Reason.LOCK_HELD])
    assert held.response is not None
    jisoo = scene.town.people["jisoo"]
    [named] = re.findall("take_over:([0-9a-f]{8}) reason:`", held.response.embeds[0].description or "")
    offered = await jisoo.autocomplete(
        scene.town.releases, "lock", "take_over", "", environment="staging", service="backend"
    )
    assert offered == [{"name": "backend → staging · hyunwoo · looking", "value": named}]
    elsewhere = await jisoo.autocomplete(scene.town.releases, "lock", "take_over", "", environment="staging")
    assert elsewhere == []
    title, text = seeing.told(await ask(scene, "jisoo", "lock", **options, take_over=named))
    assert (title, seeing.steady(text).splitlines()) == (
        "🔒 backend → staging · taken over",
        [
            "It was locked by hyunwoo ⏱: looking",
            "Deploys, rollbacks and approvals are refused. Restarts are not.",
            "It ends ⏱, or with `/unlock environment:staging service:backend`.",
            "⚠️ Argo CD syncs staging by itself, and a lock cannot stop that: what is pushed to `develop` is deployed "
            "all the same. Only what is asked of me is refused.",
        ],
    )
    await seeing.message(scene.town.releases, titled="🔒 backend → staging · lock taken over by jisoo")
    await seeing.message(scene.town.releases, titled="🔒 backend → staging · locked by jisoo")
    clock.pass_by(minutes=30)
    await seeing.message(scene.town.releases, titled="🔓 backend → staging · lock expired")
    await rows.quiet()
    assert len(seeing.titles(scene.town.releases)) == 2


@pytest.mark.parametrize(
    ("who", "options", "reason"),
    [
        ("sora", {}, Reason.MISSING_ROLE),
        ("hyunwoo", {"environment": "nowhere"}, Reason.UNKNOWN_ENVIRONMENT),
        ("hyunwoo", {"service": "chat"}, Reason.UNKNOWN_SERVICE),
        ("hyunwoo", {"for": "31d"}, Reason.LOCK_PERIOD),
        ("hyunwoo", {"reason": " "}, Reason.NO_REASON),
    ],
)
async def test_what_is_no_lock_is_refused(scene: Scene, who: str, options: dict[str, str], reason: Reason) -> None:
    given = {"environment": "prod", "reason": WHY, **options}
    title, text = seeing.told(await ask(scene, who, "lock", **given))
    assert (title, text.startswith(SENTENCES[reason])) == ("Refused", True)
    assert seeing.told(await ask(scene, "hyunwoo", "locks")) == ("Deploy locks", "Nothing is locked.")
    if who == "sora":
        assert seeing.told(await ask(scene, who, "unlock", environment="prod"))[1].startswith(SENTENCES[reason])
        guest = seeing.told(await ask(scene, "guest", "locks"))
        assert guest[1].startswith(SENTENCES[reason])
    await until(lambda: seeing.titles(scene.town.releases) == [])


def fields(result: InteractionResult) -> list[tuple[str, str]]:
    """The fields of a private answer."""
    assert result.response is not None
    [embed] = result.response.message.embeds
    return [(seeing.steady(field.name), seeing.steady(field.value)) for field in embed.fields]
