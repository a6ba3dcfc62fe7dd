"""/pods, /logs, /events, /windows, /diff and /history: what a person looks at in an outage, asked live."""

import re
from datetime import timedelta
from typing import Any

import pytest
from simcord.results import InteractionResult

from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.rows import NEVER, Rows

pytestmark = pytest.mark.journey

TICKETS = "ticket-service"
LOOKS: dict[str, dict[str, Any]] = {
    "pods": {"environment": "prod"},
    "logs": {"environment": "prod", "service": TICKETS},
    "events": {"environment": "prod"},
    "windows": {"environment": "prod"},
    "diff": {"environment": "prod"},
    "history": {"environment": "prod"},
}
IN_ARGOCD = ("windows", "diff", "history")
IN_CLUSTER = ("pods", "logs")


async def ask(scene: Scene, command: str, who: str = "hyunwoo", **options: Any) -> InteractionResult:
    """Somebody uses a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **{**LOOKS.get(command, {}), **options})


async def text(scene: Scene, command: str, who: str = "hyunwoo", **options: Any) -> tuple[str, str]:
    """Title and text of the answer."""
    return seeing.told(await ask(scene, command, who, **options))


async def broken(scene: Scene, reason: str = "CrashLoopBackOff") -> str:
    """A release of ticket-service that does not run; the name of its pod."""
    released = scene.world.release("prod", TICKETS)
    scene.world.breakages[released.tag] = Breakage(reason=reason, message="back-off 40s restarting failed container")
    scene.world.tick()
    scene.world.operate("prod")
    await scene.world.settle()
    deployment = scene.world.deployment("prod", TICKETS)
    [pod] = [pod for pod in deployment.updated if not pod.ready]
    return pod.name


async def test_pods_that_run_are_one_line_each(scene: Scene) -> None:
    names = sorted(pod.name for pod in scene.world.deployment("prod", TICKETS).pods)
    tag = scene.world.deployment("prod", TICKETS).image.rpartition(":")[2]
    assert await text(scene, "pods", service=TICKETS) == (
        "ticket-service → prod · 3/3 ready",
        "\n".join(f"✅ `{name.removeprefix('ticket-service-')}` node-1 · ⏱\n`{tag}`" for name in names),
    )


async def test_the_worst_pod_is_first_with_its_reason_and_what_to_do(scene: Scene) -> None:
    name = await broken(scene)
    title, shown = await text(scene, "pods")
    assert title == "prod · 15/16 ready · CrashLoopBackOff"
    lines = shown.splitlines()
    assert re.sub(r"\d+ restarts", "n restarts", lines[0]) == (
        f"❌ **ticket-service** `{name.removeprefix('ticket-service-')}` CrashLoopBackOff · n restarts · node-1 · ⏱"
    )
    assert lines[1].endswith("` · Error, exit code 1")
    assert lines[-1] == "**Next** `/logs prod ticket-service previous:True` shows how it ended."


async def test_logs_are_those_of_the_worst_pod_without_secrets(scene: Scene) -> None:
    name = await broken(scene)
    title, shown = await text(scene, "logs", previous=True)
    assert title == f"ticket-service → prod · {name.removeprefix('ticket-service-')}"
    assert shown.splitlines()[0] == "Log before the restart · 4 lines"
    assert "Error: connect ECONNREFUSED 10.20.3.14:5432" in shown
    title, shown = await text(scene, "logs", service="backend")
    assert "connected to postgres://tiketi:[hidden]@postgres:5432/tiketi" in shown
    assert "s3cr3t" not in shown


async def test_logs_are_searched(scene: Scene) -> None:
    _, shown = await text(scene, "logs", service="backend", grep="HEALTH")
    assert shown.splitlines() == [
        "Log · 1 of 4 lines with `HEALTH`",
        "```",
        "GET /health 200 2 ms",
        "```",
    ]


async def test_long_logs_come_as_a_file(scene: Scene) -> None:
    tag = scene.world.deployment("prod", "backend").image.rpartition(":")[2]
    lines = tuple(f"line {number} of a long log, which nobody reads in a chat" for number in range(200))
    scene.world.breakages[tag] = Breakage(logs=lines)
    scene.world.tick()
    result = await ask(scene, "logs", service="backend", lines=150)
    shown = seeing.answer(result)
    assert shown.footer == "The last lines; the file has all of them."
    assert lines[-1] in shown.text
    assert result.response is not None
    [file] = result.response.message.attachments
    assert file.filename.endswith(".log")
    assert file.size == sum(len(line) + 1 for line in lines[-150:])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"previous": True},
            "This container has not been restarted, so it has no earlier log. Ask without `previous`.",
        ),
        (
            {"container": "sidecar-x"},
            "The pod has no such container. Pick one from the list that appears as you type.",
        ),
        ({"service": "tickets"}, "There is no such service. Pick one from the list that appears as you type."),
    ],
    ids=["not restarted", "no such container", "no such service"],
)
async def test_a_log_that_is_not_there_says_why(scene: Scene, options: dict[str, Any], reason: str) -> None:
    assert await text(scene, "logs", **options) == ("Refused", reason)


async def test_a_container_that_waits_for_its_image_has_no_log(scene: Scene) -> None:
    await broken(scene, "ImagePullBackOff")
    assert await text(scene, "logs") == (
        "Refused",
        "The container has not started, so it has no log yet. `/events` may say why.",
    )


async def test_containers_complete_from_the_pods(scene: Scene, rows: Rows) -> None:
    hyunwoo, channel = scene.town.people["hyunwoo"], scene.town.releases
    await rows.observed("prod", after=NEVER)
    offered = await hyunwoo.autocomplete(channel, "logs", "container", "", environment="prod", service=TICKETS)
    assert offered == [{"name": TICKETS, "value": TICKETS}]
    guest = scene.town.people["guest"]
    assert await guest.autocomplete(channel, "logs", "container", "", environment="prod", service=TICKETS) == []


async def test_events_are_merged_with_the_newest_last(scene: Scene) -> None:
    name = await broken(scene)
    title, shown = await text(scene, "events")
    assert re.fullmatch(r"prod · \d+ warnings?", title)
    assert re.search(rf"⚠️ \*\*BackOff\*\* Pod `{name}` · \d times · ⏱\nback-off 40s restarting failed container", shown)
    assert "▫️ **OperationStarted** Application `tiketi-prod` · ⏱\nadmin initiated sync to" in shown
    _, only = await text(scene, "events", service="backend")
    assert "ticket-service" not in only


async def test_a_part_that_is_silent_does_not_hide_the_other(scene: Scene) -> None:
    name = await broken(scene)
    scene.argocd.faults.status = 503
    title, shown = await text(scene, "events")
    assert shown.startswith("⚠️ Argo CD did not answer.")
    assert f"Pod `{name}`" in shown
    scene.cluster.faults_of["cluster-prod"] = type(scene.cluster.faults)(status=503)
    title, shown = await text(scene, "events")
    assert title == "Refused"


async def test_events_that_are_too_many_are_shown_in_part(scene: Scene) -> None:
    name = await broken(scene)
    assert "too many events" not in (await text(scene, "events", service=TICKETS))[1]
    events = scene.world.namespaces["prod"].events
    [first, *_] = [event for event in events if event.name == name]
    events += [first] * 2000
    title, shown = await text(scene, "events", service=TICKETS)
    assert re.fullmatch(r"ticket-service → prod · \d+ warnings?", title)
    assert shown.splitlines()[0] == (
        "⚠️ There are too many events to read them all, so some are missing here, new ones too."
    )
    assert f"Pod `{name.removeprefix('ticket-service-')}`" in shown


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


@pytest.mark.parametrize("command", LOOKS)
async def test_who_may_not_look_is_told_who_may(scene: Scene, command: str) -> None:
    right = "logs" if command == "logs" else "view"
    roles = ["Developer", "Release manager", *([] if command == "logs" else ["Observer"])]
    who = ", ".join(f"**@{role}**" for role in roles)
    assert await text(scene, command, "guest") == (
        "Refused",
        f"You do not have a role that may do this. prod:{right} belongs to {who}.",
    )
    assert (await text(scene, command, "sora"))[0].startswith("Refused") is (command == "logs")


@pytest.mark.parametrize(
    ("command", "status", "sentence"),
    [
        *((command, 503, "Argo CD did not answer.") for command in IN_ARGOCD),
        *((command, 401, "Argo CD no longer accepts the bot's token.") for command in IN_ARGOCD),
        *((command, 403, "The bot's Argo CD role may not do this.") for command in IN_ARGOCD),
        *((command, 503, "The cluster did not answer") for command in IN_CLUSTER),
        *((command, 403, "The cluster does not let the bot do this.") for command in IN_CLUSTER),
    ],
)
async def test_what_does_not_answer_is_said_with_an_id_and_nothing_of_the_answer(
    scene: Scene, command: str, status: int, sentence: str
) -> None:
    server = scene.argocd if command in IN_ARGOCD else scene.cluster
    server.faults.status = status
    result = await ask(scene, command)
    assert result.response is not None
    [embed] = result.response.message.embeds
    assert (embed.description or "").startswith(sentence)
    log_id = re.fullmatch(r"\w+ · error ([0-9a-f]{8})", embed.footer.text or "")
    assert log_id
    assert "sandbox" not in (embed.description or "")


async def test_a_diff_that_argocd_cannot_make_is_not_called_agreement(scene: Scene) -> None:
    scene.world.commit_overlay("prod", "images: {", message="chore: a typo", login="hyunwoo")
    await scene.world.settle()
    assert await text(scene, "diff") == (
        "Refused",
        "Argo CD cannot render what Git asks for, so nobody can say what differs. Open the Application for its error.",
    )
