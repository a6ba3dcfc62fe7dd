"""/compare: what lies between two tags or environments, for whoever may look at them."""

from typing import Any

import pytest
from simcord.results import InteractionResult

from bot.domain.reasons import SENTENCES, Reason
from sandbox.github_shapes import Pull
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.rows import NEVER, Rows

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("looked")]

TICKETS = "ticket-service"


async def compare(scene: Scene, who: str = "sora", **options: Any) -> InteractionResult:
    """Somebody uses /compare."""
    return await scene.town.people[who].slash(
        scene.town.releases, "compare", **{"service": TICKETS, "from": "prod", **options}
    )


def running(scene: Scene, environment: str = "prod") -> str:
    """The tag of ticket-service that runs there."""
    return scene.world.deployment(environment, TICKETS).image.rpartition(":")[2]


async def test_commits_and_pull_requests_from_what_runs_to_a_tag(scene: Scene, rows: Rows) -> None:
    old = running(scene)
    scene.world.commit_source("backend", branch="main", login="jisoo", subject="fix: rows (#6)")
    ran = await scene.pipeline.run(TICKETS, "prod", author="hyunwoo", subject="feat: hold a seat")
    scene.github.brought[ran.source.sha] = Pull(number=7, title="Hold a seat", login="minji")
    await rows.quiet()

    answer = seeing.answer(await compare(scene, to=ran.tag))

    web = expected.web(scene)
    [commit] = [one for one in scene.world.git.commits.values() if one.message.startswith("fix: rows")]
    [chore] = [one for one in scene.world.git.commits.values() if one.message.startswith("chore: all")]
    assert answer.title == f"ticket-service · prod → {ran.tag} · 3 commits ahead"
    assert answer.text == expected.text(
        f"From **prod** `{old}` built ⏱\nTo `{ran.tag}` built ⏱",
        "🔹 1 of 3 commits touches `services/ticket-service` · 1 file\n"
        f"🔹 [feat: hold a seat](https://github.com/{scene.topology.repository}/commit/{ran.source.sha}) by hyunwoo"
        f" · [#7]({web}/pull/7)\n"
        f"▫️ [fix: rows](https://github.com/{scene.topology.repository}/commit/{commit.sha}) by jisoo"
        f" · [#6]({web}/pull/6)\n"
        f"▫️ [chore: all services {old}](https://github.com/{scene.topology.repository}/commit/{chore.sha})"
        r" by github-actions\[bot\]",
    )
    assert answer.links == ("On GitHub",)

    back = seeing.answer(await compare(scene, **{"from": ran.tag, "to": "prod"}))
    assert back.title == f"ticket-service · {ran.tag} → prod · going back by 3 commits"
    assert "**Note** prod is older. Going there undoes these commits." in back.text


async def test_two_environments_that_run_the_same(scene: Scene, rows: Rows) -> None:
    title, text = seeing.told(await compare(scene, to="staging"))
    assert title == "ticket-service · prod → staging · the same commit"
    assert text.endswith("Both were built from the same commit, so the code does not differ.")


async def test_a_long_way_comes_as_a_file(scene: Scene, rows: Rows) -> None:
    for number in range(40):
        scene.world.commit_source(TICKETS, branch="main", login="minji", subject=f"fix: {number} (#{number + 1})")
    tag = scene.world.tag_of(scene.world.git.head("main").sha)
    result = await compare(scene, to=tag)
    answer = seeing.answer(result)
    assert answer.title.endswith("· 41 commits ahead")
    assert answer.text.splitlines()[-1] == "and 29 older ones"
    assert answer.footer == "The file has more."
    assert result.response is not None
    [file] = result.response.message.attachments
    assert file.filename == f"ticket-service-prod-{tag}.txt"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"to": "latest"}, SENTENCES[Reason.VERSION_UNKNOWN]),
        ({"to": "0123456-20260105-143022"}, f"{SENTENCES[Reason.COMMIT_GONE]} (0123456-20260105-143022)"),
        ({"to": "staging", "service": "tickets"}, SENTENCES[Reason.UNKNOWN_SERVICE]),
    ],
)
async def test_what_there_is_not_is_said(scene: Scene, rows: Rows, options: dict[str, str], reason: str) -> None:
    assert seeing.told(await compare(scene, **options)) == ("Refused", reason)


async def test_who_may_look_may_compare_and_nobody_else(scene: Scene, rows: Rows) -> None:
    tag = running(scene)
    for options in ({"to": "staging"}, {"from": tag, "to": tag}):
        title, text = seeing.told(await compare(scene, "guest", **options))
        assert (title, text.startswith("You do not have a role that may do this.")) == ("Refused", True)
        assert seeing.told(await compare(scene, "sora", **options))[0].endswith("· the same commit")


async def test_versions_complete_with_environments_and_known_tags(scene: Scene, rows: Rows) -> None:
    ran = await scene.pipeline.run(TICKETS, "staging", author="hyunwoo", subject="feat: hold a seat")
    await rows.quiet()
    await rows.observed("staging", after=NEVER)

    async def offered(who: str, typed: str) -> list[str]:
        found = await scene.town.people[who].autocomplete(
            scene.town.releases, "compare", "from", typed, service=TICKETS
        )
        return [str(one["value"]) for one in found]

    assert (await offered("sora", ""))[:4] == ["dev", "staging", "prod", ran.tag]
    assert await offered("sora", ran.tag[:7]) == [ran.tag]
    assert await offered("guest", "") == []
