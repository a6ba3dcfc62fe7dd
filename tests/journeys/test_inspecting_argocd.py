"""/windows, /diff and /history: what Argo CD would let happen, would change and has done, asked live."""

from datetime import timedelta

import pytest

from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.inspecting import TICKETS, ask, text
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey


async def test_windows_say_first_whether_a_sync_is_possible(scene: Scene) -> None:
    def window(*, days: int) -> str:
        begins = (scene.world.timeline.now() + timedelta(days=days)).isoweekday() % 7
        return f"🔒 **deny** `0 18 * * {begins}` for 60h · UTC"

    assert await text(scene, "windows") == (
        "prod · a sync is possible now",
        f"{window(days=3)} · not even by hand",
    )
    scene.world.application("prod").faults.window_closed = True
    assert await text(scene, "windows") == (
        "prod · no sync is possible now",
        f"{window(days=-1)} · active now · not even by hand",
    )


async def test_a_diff_shows_the_lines_that_change(scene: Scene) -> None:
    agree = scene.world.application("prod").revision
    url = f"{scene.github.url}/ORGANIZATION/project-ticketing/commit"
    assert await text(scene, "diff") == (
        "prod · nothing differs",
        f"Git and the cluster agree at [{agree[:7]}]({url}/{agree}).",
    )
    old = scene.world.deployment("prod", TICKETS).image
    released = scene.world.release("prod", TICKETS)
    await scene.world.settle()
    title, shown = await text(scene, "diff", service=TICKETS)
    assert title == "ticket-service → prod · 1 object would change"
    commit = released.manifest.sha
    assert shown.splitlines()[:5] == [
        f"A sync to [{commit[:7]}]({url}/{commit}):",
        "🟡 Deployment/ticket-service +1 -1",
        "```diff",
        "# changed Deployment/ticket-service",
        shown.splitlines()[4],
    ]
    assert f"image: {old}" in shown
    assert f"image: {old.rpartition(':')[0]}:{released.tag}" in shown
    assert (await text(scene, "diff", service="backend"))[0] == "backend → prod · nothing differs"


async def test_a_long_diff_comes_as_a_file(scene: Scene) -> None:
    for service in scene.topology.services:
        scene.world.release("prod", service)
    await scene.world.settle()
    result = await ask(scene, "diff")
    shown = seeing.answer(result)
    assert (shown.title, shown.footer) == ("prod · 5 objects would change", "The file has every line.")
    assert result.response is not None
    [file] = result.response.message.attachments
    assert file.filename == "tiketi-prod.diff"


async def test_history_joins_both_records_and_counts_nothing_twice(scene: Scene, rows: Rows) -> None:
    scene.world.release("prod", TICKETS, login="hyunwoo")
    await scene.world.settle()
    await ask(scene, "deploy", environment="prod", service="all")
    card = await seeing.message(scene.town.releases, titled="all services → prod · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="all services → prod · deployed")
    await rows.ended()
    backend = scene.world.release("prod", "backend", login="hyunwoo")
    await scene.world.settle()
    await ask(scene, "deploy", environment="prod", service="backend")
    card = await seeing.message(scene.town.releases, titled="backend → prod · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="backend → prod · deployed")
    await rows.ended()

    result = await ask(scene, "history")
    shown = seeing.answer(result)
    heads = [line for line in shown.text.splitlines() if line.startswith(("✅", "❌"))]
    assert [head.split("**")[1] for head in heads[:2]] == ["backend", "everything"]
    assert f"[{backend.manifest.sha[:7]}]" in heads[0]
    assert shown.text.count("asked by hyunwoo · approved by jisoo") == 2
    assert "not through the bot" in shown.text
    assert shown.footer == "Deploys of one service are in the bot's record only, not in Argo CD's history."
    revisions = [head.split("](")[0].partition("[")[2] for head in heads]
    assert len(revisions) == len(set(revisions))

    # The deploy of everything moved only ticket-service. Asked about another one, it is no stranger's either.
    other = seeing.answer(await ask(scene, "history", service="payment-service")).text
    assert "proj:tiketi:chatops" not in other


async def test_a_diff_that_argocd_cannot_make_is_not_called_agreement(scene: Scene) -> None:
    scene.world.commit_overlay("prod", "images: {", message="chore: a typo", login="hyunwoo")
    await scene.world.settle()
    assert await text(scene, "diff") == (
        "Refused",
        "Argo CD cannot render what Git asks for, so nobody can say what differs. Open the Application for its error.",
    )
