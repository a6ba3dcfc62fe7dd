"""/pods, /logs and /events, what a person looks at in an outage, asked live; and who may look at all, and at what."""

import re
from typing import Any

import pytest

from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.inspecting import LOOKS, TICKETS, ask, broken, text
from tests.journeys.rows import NEVER, Rows

pytestmark = pytest.mark.journey

IN_ARGOCD = ("windows", "diff", "history")
IN_CLUSTER = ("pods", "logs")


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
    assert lines[-1] == "**Next** `/logs environment:prod service:ticket-service previous:True` shows how it ended."


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
