"""Run again and /rerun: a failed run runs once more, whoever presses how often, and its card goes on."""

from typing import Any

import pytest
from simcord.results import InteractionResult

from bot.domain.operations import OperationState
from bot.domain.reasons import SENTENCES, Reason
from sandbox.pipeline import Ran
from sandbox.scene import Scene
from tests.journeys import people, seeing
from tests.journeys.rows import Entry, Rows

pytestmark = pytest.mark.journey

STAGING = "backend → staging"
AGAIN = "Run again"


async def failing(scene: Scene, rows: Rows, environment: str = "staging") -> Ran:
    """A build of backend that fails, and the card that says so."""
    ran = await scene.pipeline.run("backend", environment, author="sora", subject="build: new Node", fail_at="build")
    await rows.quiet()
    return ran


async def rerun(scene: Scene, who: str = "hyunwoo", **options: Any) -> InteractionResult:
    """Somebody uses /rerun."""
    options = {"service": "backend", **options}
    return await scene.town.people[who].slash(scene.town.releases, "rerun", **options)


def ordered(scene: Scene) -> list[str]:
    """The orders that GitHub got."""
    return [request.path.rpartition("/runs/")[2] for request in scene.github.requests if request.method == "POST"]


async def test_run_again_makes_the_pipeline_run_and_the_card_go_on(scene: Scene, rows: Rows) -> None:
    ran = await failing(scene, rows)
    card = await seeing.message(scene.town.releases, titled=f"{STAGING} · failed")
    shown = seeing.seen(card)
    assert shown.buttons == (AGAIN,)
    assert shown.text.endswith(
        "**Next** `backend / deliver / Build image` failed. Read the run's log. "
        "**Run again** runs the failed jobs once more, and goes on here."
    )

    pressed = await scene.town.people["hyunwoo"].click(card, label=AGAIN)

    answer = seeing.answer(pressed)
    assert (answer.title, answer.text, answer.links) == (
        f"{STAGING} · running again",
        "Attempt 2 runs the failed jobs. The release card shows how it goes on.",
        ("Run",),
    )
    after = await seeing.message(scene.town.releases, titled=f"{STAGING} · deployed")
    await rows.ended()
    assert (after.id, seeing.seen(after).buttons, seeing.seen(after).footer) == (
        card.id,
        (),
        "attempt 2 · release 1",
    )
    assert ordered(scene) == [f"{ran.run.id}/rerun-failed-jobs"]
    [operation] = await rows.operations()
    assert await rows.audit() == [
        Entry(f"discord:{scene.town.people['hyunwoo'].id}", "gate:rerun", "passed", None),
        Entry(f"discord:{scene.town.people['hyunwoo'].id}", "rerun", "requested", operation.id),
        Entry("chatops", "rerun", "dispatching", operation.id),
        Entry("chatops", "rerun", "running", operation.id),
        Entry("chatops", "rerun", "succeeded", operation.id),
    ]
    assert seeing.titles(scene.town.releases) == [f"{STAGING} · deployed in ⏱"]


async def test_the_button_works_after_a_restart(scene: Scene, rows: Rows) -> None:
    ran = await failing(scene, rows)
    card = await seeing.message(scene.town.releases, titled=f"{STAGING} · failed")
    await scene.stop()
    await scene.start()
    assert seeing.told(await scene.town.people["jisoo"].click(card, label=AGAIN))[0] == f"{STAGING} · running again"
    await seeing.message(scene.town.releases, titled=f"{STAGING} · deployed")
    assert ordered(scene) == [f"{ran.run.id}/rerun-failed-jobs"]


@pytest.mark.parametrize("who", ["sora", "guest"])
async def test_running_again_needs_its_role(scene: Scene, rows: Rows, who: str) -> None:
    await failing(scene, rows)
    card = await seeing.message(scene.town.releases, titled=f"{STAGING} · failed")
    refused = (
        "Refused",
        "You do not have a role that may do this. staging:rerun belongs to **@Developer**, **@Release manager**.",
    )
    assert seeing.told(await scene.town.people[who].click(card, label=AGAIN)) == refused
    assert seeing.told(await rerun(scene, who, environment="staging")) == refused
    title, text = seeing.told(await rerun(scene, who))
    assert title == "Refused"
    assert text.startswith("You do not have a role that may do this.")
    assert (await rows.operations(), ordered(scene)) == ([], [])

    assert seeing.told(await rerun(scene, "hyunwoo", environment="staging"))[0] == f"{STAGING} · running again"


async def test_several_presses_are_one_re_run(scene: Scene, rows: Rows) -> None:
    ran = await failing(scene, rows)
    card = await seeing.message(scene.town.releases, titled=f"{STAGING} · failed")
    old = people.old_copy(scene, card)
    told = [seeing.told(await old.press(scene.town.people[who], AGAIN)) for who in ("hyunwoo", "jisoo", "minji")]
    await seeing.message(scene.town.releases, titled=f"{STAGING} · deployed")
    already = (f"{STAGING} · not run again", SENTENCES[Reason.RERUN_ALREADY])
    assert [title for title, _ in told] == [f"{STAGING} · running again", already[0], already[0]]
    assert told[1:] == [already, already]
    assert ordered(scene) == [f"{ran.run.id}/rerun-failed-jobs"]


async def test_an_old_button_says_what_became_of_the_run(scene: Scene, rows: Rows) -> None:
    await failing(scene, rows)
    card = await seeing.message(scene.town.releases, titled=f"{STAGING} · failed")
    old = people.old_copy(scene, card)
    await rerun(scene)
    await seeing.message(scene.town.releases, titled=f"{STAGING} · deployed")

    told = seeing.told(await old.press(scene.town.people["jisoo"], AGAIN))
    assert told == (f"{STAGING} · not run again", SENTENCES[Reason.RERUN_ALREADY])

    await scene.pipeline.run("backend", "staging", author="sora", subject="fix: newer", fail_at="build")
    await rows.quiet()
    told = seeing.told(await old.press(scene.town.people["jisoo"], AGAIN))
    assert told == (f"{STAGING} · not run again", SENTENCES[Reason.RUN_OUTDATED])
    assert len(ordered(scene)) == 1


async def test_the_command_runs_everything_again_where_it_is_told_to(scene: Scene, rows: Rows) -> None:
    ran = await scene.pipeline.run("backend", "prod", author="sora", subject="fix: rows")
    await rows.quiet()
    told = seeing.told(await rerun(scene))
    assert told == ("backend → prod · not run again", SENTENCES[Reason.NOTHING_FAILED])

    answer = seeing.answer(await rerun(scene, environment="prod", everything=True))
    assert (answer.title, answer.text, answer.links) == (
        "backend → prod · running again",
        "Attempt 2 runs everything. The release card shows how it goes on.",
        ("Open the card", "Run"),
    )
    assert ordered(scene) == [f"{ran.run.id}/rerun"]


async def test_a_run_that_goes_on_is_left_alone(scene: Scene, rows: Rows) -> None:
    await failing(scene, rows)
    [run] = scene.world.actions.runs.values()
    run.status, run.conclusion = "in_progress", None  # what GitHub knows and no webhook has told yet
    told = seeing.told(await rerun(scene))
    assert told == (f"{STAGING} · not run again", SENTENCES[Reason.RUN_IN_PROGRESS])
    assert ordered(scene) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"service": "tickets"}, Reason.UNKNOWN_SERVICE),
        ({"environment": "mars"}, Reason.UNKNOWN_ENVIRONMENT),
        ({"service": "stats-service"}, Reason.RUN_UNKNOWN),
    ],
)
async def test_what_there_is_not_is_said(scene: Scene, rows: Rows, options: dict[str, str], reason: Reason) -> None:
    assert seeing.told(await rerun(scene, **options)) == ("Refused", SENTENCES[reason])


async def test_a_token_without_the_right_is_named(scene: Scene, rows: Rows) -> None:
    await failing(scene, rows)
    scene.github.faults.forbidden = frozenset({"actions"})
    answer = seeing.answer(await rerun(scene))
    assert (answer.title, answer.text) == (f"{STAGING} · not run again", SENTENCES[Reason.GITHUB_FORBIDDEN])
    assert answer.footer == "operation …"


async def test_a_lost_answer_is_looked_for(scene: Scene, rows: Rows) -> None:
    ran = await failing(scene, rows)
    scene.github.faults.rerun_cut = True
    assert seeing.told(await rerun(scene))[0] == f"{STAGING} · running again"
    await seeing.message(scene.town.releases, titled=f"{STAGING} · deployed")
    assert ordered(scene) == [f"{ran.run.id}/rerun-failed-jobs"]


async def test_an_order_that_never_arrived_says_that_nobody_knows(scene: Scene, rows: Rows) -> None:
    await failing(scene, rows)
    scene.github.faults.rerun_lost = True
    told = seeing.told(await rerun(scene))
    assert told == (f"{STAGING} · not run again", SENTENCES[Reason.RERUN_UNKNOWN])
    [operation] = await rows.operations()
    assert operation.state is OperationState.FAILED
    assert len(ordered(scene)) == 1
