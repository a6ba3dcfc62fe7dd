"""Who is called: the configured role, once, when somebody has to decide; a stranger's text calls nobody."""

import pytest

from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"
HOSTILE = "@everyone **x** [a](http://evil.example) `code` <@&{role}>"
SHOWN = r"\@everyone \*\*x\*\* (a)(evil.example) \`code\` \<\@&{role}\>"
"""The subject is the label of a link, where brackets are turned into parentheses and an address loses its scheme."""


@pytest.mark.parametrize("real", [False, True], ids=["no role", "a role of the guild"])
async def test_a_hostile_subject_is_text_and_calls_nobody(scene: Scene, rows: Rows, *, real: bool) -> None:
    # Calling a role that exists would be worse: the one that observes is not the one that is called.
    role = scene.town.roles["Observer"].id if real else 1
    subject, shown = HOSTILE.format(role=role), SHOWN.format(role=role)
    old = scene.world.overlay("prod").tags["ticket-service"]
    ran = await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject=subject)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()

    called = scene.town.roles["Release manager"]
    change = expected.change(scene, ran, subject=shown, author="hyunwoo", old=old)
    assert seeing.board(scene.town.releases) == [
        seeing.Seen(
            title=f"{PLACE} · waiting for approval",
            text=expected.text(
                change,
                f"{expected.pipeline(scene, ran)}\n⏳ **Approval** asked by hyunwoo · ends ⏱\n⚪ Sync · Rollout",
                "**Next** **@Release manager** approves or rejects, but not hyunwoo.",
            ),
            buttons=("Approve", "Reject", "Withdraw"),
            links=("Run", "Commit", "Argo CD"),
            footer="operation … · release 1",
        ),
        seeing.Seen(
            title=f"{PLACE} · approval needed",
            text=f"`{ran.tag}` asked by hyunwoo · ends ⏱",
            content=called.mention,
            links=("Open the card",),
            footer="call of operation …",
        ),
    ]

    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await scene.world.settle()
    await rows.quiet()

    assert seeing.board(scene.town.releases)[0].text.startswith(change + seeing.GAP)
    assert seeing.calls(scene) == [(called.mention, [str(called.id)])]
    assert [message.mention_everyone for message in scene.town.releases.history()] == [False, False]


async def test_a_failed_run_with_a_hostile_subject_calls_nobody(scene: Scene, rows: Rows) -> None:
    await scene.pipeline.run("backend", "staging", author="sora", subject=HOSTILE.format(role=1), fail_at="build")
    await seeing.message(scene.town.alerts, titled="Run failed")
    await rows.quiet()

    [card] = seeing.board(scene.town.releases)
    assert card.text.startswith(f"[{SHOWN.format(role=1)}](")
    assert seeing.titles(scene.town.alerts) == ["backend → staging · Run failed"]
    assert seeing.calls(scene) == []
    history = [*scene.town.releases.history(), *scene.town.alerts.history()]
    assert [(message.content, message.mention_everyone, message.role_mentions) for message in history] == [
        ("", False, []),
        ("", False, []),
    ]
