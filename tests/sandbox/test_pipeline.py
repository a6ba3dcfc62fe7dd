"""What reaches the bot when a pipeline runs: every body, signed, in order, and the stories with their recoveries."""

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.topology import Topology
from sandbox import bodies, scenarios, serving
from sandbox.bodies import Bodies
from sandbox.notifications import Notifications
from sandbox.pipeline import Pipeline
from sandbox.senders import Senders
from sandbox.world import World

SECRET = "hush"
EXAMPLES = Path(__file__).parents[1] / "fixtures" / "octokit" / "index.json.gz"


class Receiver(serving.Server):
    """A bot that only listens: it checks signatures and tokens, and keeps what came."""

    status = 202

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/webhooks/{sender}", self._receive)]

    async def _receive(self, request: web.Request) -> web.Response:
        content = await request.read()
        if request.match_info["sender"] == "github":
            expected = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
            valid = request.headers["X-Hub-Signature-256"] == f"sha256={expected}"
        else:
            valid = serving.bearer(request) == f"{request.match_info['sender']}-token"
        return web.Response(status=self.status if valid else 401)

    def told(self) -> list[str]:
        """What came, in short words."""
        words = []
        for item in self.requests:
            body, sender = item.body, item.path.rpartition("/")[2]
            if sender == "github":
                what = item.headers["x-github-event"]
                words.append(f"{what} {body.get('action') or body['ref']}")
            elif sender == "ci":
                words.append(f"ci {body['stage']} {body['status']}")
            else:
                phase = body["operation"]["phase"]
                words.append(f"argocd {body['app']} {phase} {body['health']['status']}")
        return words


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def running(topology: Topology) -> AsyncIterator[World]:
    """A world that ticks by itself."""
    async with World(topology, pace=0.001) as world:
        yield world


@pytest.fixture
async def senders(receiver: Receiver) -> AsyncIterator[Senders]:
    async with Senders(
        receiver.url, github_secret=SECRET, argocd_token="argocd-token", ci_token="ci-token", seed="a", retry_wait=0
    ) as ready:
        yield ready


@pytest.fixture
async def notifications(running: World, senders: Senders) -> AsyncIterator[Notifications]:
    async with Notifications(running, senders) as sending:
        yield sending


@pytest.fixture
def pipeline(running: World, senders: Senders, notifications: Notifications) -> Pipeline:
    return Pipeline(running, senders, pace=0.001)


RUN = [
    "push refs/heads/develop",
    "workflow_run requested",
    "workflow_job queued",
    "workflow_run in_progress",
    "workflow_job in_progress",
    "ci build started",
    "ci build succeeded",
    "ci scan started",
    "ci scan succeeded",
    "ci push started",
    "ci push succeeded",
    "ci manifest started",
    "push refs/heads/develop",
    "ci manifest succeeded",
    "workflow_job completed",
    "workflow_run completed",
]


async def test_a_staging_run_goes_all_the_way(
    pipeline: Pipeline, notifications: Notifications, receiver: Receiver
) -> None:
    ran = await scenarios.staging(pipeline)
    await notifications.sent()
    told = receiver.told()
    assert [word for word in told if not word.startswith("argocd")] == RUN
    assert [word for word in told if word.startswith("argocd")] == [
        "argocd tiketi-staging Succeeded Progressing",
        "argocd tiketi-staging Succeeded Healthy",
    ]
    assert {item.status for item in pipeline.senders.sent} == {202}
    assert pipeline.world.deployment("staging", "ticket-service").image.endswith(f":{ran.tag}")
    assert ran.tag.startswith(ran.source.sha[:7])


async def test_the_reports_join_the_revisions(pipeline: Pipeline, receiver: Receiver) -> None:
    ran = await scenarios.production(pipeline)
    assert ran.image is not None
    assert ran.manifest is not None
    reports = {(item["stage"], item["status"]): item for item in receiver.received("POST", "/ci")}
    common = {
        "schema": 1,
        "service": "ticket-service",
        "environment": "prod",
        "run_id": ran.run.id,
        "run_attempt": 1,
        "source_revision": ran.source.sha,
    }
    image = {"tag": ran.tag, "image": f"{pipeline.world.topology.registry}/tiketi-ticket-service"}
    expected: dict[tuple[str, str], dict[str, Any]] = {
        ("build", "started"): {},
        ("scan", "succeeded"): {**image, "critical": 0, "high": 2},
        ("push", "succeeded"): {**image, "digest": ran.image.digest},
        ("manifest", "succeeded"): {**image, "manifest_revision": ran.manifest.sha},
    }
    for (stage, status), more in expected.items():
        found = dict(reports[stage, status])
        assert found.pop("at").startswith("20")
        assert found == {**common, "stage": stage, "status": status, **more}
    assert ran.manifest.message == f"chore(prod): ticket-service {ran.tag}"
    assert (ran.manifest.login, pipeline.world.application("prod").operation) == ("github-actions[bot]", None)
    repository = pipeline.world.images.repositories["tiketi-ticket-service"]
    assert {repository.tags[tag] for tag in (ran.tag, "latest", "prod")} == {ran.image.digest}


async def test_githubs_bodies_have_what_a_reader_needs(pipeline: Pipeline, receiver: Receiver) -> None:
    ran = await pipeline.run("backend", "prod", author="sora", subject="build: node 24", fail_at="scan")
    sent = [item for item in receiver.requests if item.path == "/webhooks/github"]
    assert {item.headers["x-github-hook-id"] for item in sent} == {"521000001"}
    assert len({item.headers["x-github-delivery"] for item in sent}) == len(sent)
    push, last = sent[0].body, sent[-1].body
    assert (push["after"], push["head_commit"]["message"], push["pusher"]["name"]) == (
        ran.source.sha,
        "build: node 24",
        "sora",
    )
    assert push["compare"].startswith("https://github.com/ORGANIZATION/project-ticketing/compare/")
    run = last["workflow_run"]
    wanted = {
        "id": ran.run.id,
        "run_attempt": 1,
        "head_sha": ran.source.sha,
        "head_branch": "main",
        "path": ".github/workflows/backend-ci-cd.yml",
        "display_title": "build: node 24",
        "status": "completed",
        "conclusion": "failure",
        "html_url": f"https://github.com/ORGANIZATION/project-ticketing/actions/runs/{ran.run.id}",
    }
    assert {name: run[name] for name in wanted} == wanted
    assert run["created_at"] <= run["run_started_at"] < run["updated_at"]
    assert last["repository"]["full_name"] == "ORGANIZATION/project-ticketing"
    job = next(item.body["workflow_job"] for item in reversed(sent) if "workflow_job" in item.body)
    failed = [step["name"] for step in job["steps"] if step["conclusion"] == "failure"]
    assert (job["conclusion"], failed, job["run_attempt"]) == ("failure", ["Scan image"], 1)


def test_its_shapes_are_those_of_the_published_examples(world: World) -> None:
    with gzip.open(EXAMPLES) as file:
        published = {entry["name"]: entry["examples"][-1] for entry in json.load(file)}
    commit = world.git.head("main")
    run = world.actions.request("backend", branch="main", commit=commit, event="push", at=commit.at)
    makers = Bodies(world.topology)
    made = {
        "workflow_run": makers.workflow_run("requested", run),
        "workflow_job": makers.workflow_job("queued", run, run.job),
        "push": makers.push("main", [commit]),
    }
    # An installation is told only to Apps, and this is a hook of the repository.
    missing = {
        event: (published[event].keys() - body.keys() - {"installation"})
        | (published[event].get(event, {}).keys() - body.get(event, {}).keys())
        for event, body in made.items()
    }
    assert missing == {"workflow_run": set(), "workflow_job": set(), "push": set()}


async def test_a_failing_build_passes_when_run_again(pipeline: Pipeline, receiver: Receiver) -> None:
    ran = await scenarios.failing_build(pipeline)
    runs = [item for item in receiver.received("POST", "/github") if "workflow_run" in item]
    ends = [
        (item["workflow_run"]["run_attempt"], item["workflow_run"]["conclusion"])
        for item in runs
        if item["action"] == "completed"
    ]
    assert ends == [(1, "failure"), (2, "success")]
    assert len({item["workflow_run"]["id"] for item in runs}) == 1
    [failure] = [item for item in receiver.received("POST", "/ci") if item["status"] == "failed"]
    assert (failure["stage"], failure["message"]) == ("build", "npm ERR! Missing script: build")
    assert failure["url"].startswith(
        f"https://github.com/ORGANIZATION/project-ticketing/actions/runs/{ran.run.id}/job/"
    )
    assert pipeline.world.application("staging").health["status"] == "Healthy"


async def test_an_overlay_that_cannot_be_read_fails_the_manifest_stage(pipeline: Pipeline, receiver: Receiver) -> None:
    pipeline.world.commit_overlay("prod", "images: [", message="chore: oops", login="minji")
    ran = await pipeline.run("backend", "prod", author="sora", subject="x")
    assert (ran.failed_at, ran.manifest, ran.run.conclusion) == ("manifest", None, "failure")


@pytest.mark.parametrize(
    ("story", "first", "worst"),
    [
        (scenarios.failed_sync, "Failed Healthy", "Failed Healthy"),
        (scenarios.degraded_rollout, "Succeeded Progressing", "Succeeded Degraded"),
        (scenarios.failing_scan, "Succeeded Progressing", "Succeeded Progressing"),
    ],
)
async def test_a_story_ends_well(
    pipeline: Pipeline, notifications: Notifications, receiver: Receiver, story: Any, first: str, worst: str
) -> None:
    ran = await story(pipeline)
    await notifications.sent()
    told = [word.removeprefix("argocd tiketi-staging ") for word in receiver.told() if word.startswith("argocd")]
    assert (told[0], worst in told, told[-1]) == (first, True, "Succeeded Healthy")
    app = pipeline.world.application("staging")
    assert (app.sync_status, app.health["status"], app.conditions) == ("Synced", "Healthy", [])
    assert pipeline.world.deployment("staging", ran.run.service).image.endswith(f":{ran.tag}")


async def test_a_notification_is_the_template_of_the_set_up(world: World) -> None:
    world.release("staging", "backend")
    await world.settle()
    notice = world.notices[0]
    body = bodies.argocd(notice.document)
    assert list(body) == [
        *("schema", "app", "uid", "project", "sync", "compared_revision", "health", "operation", "conditions", "images")
    ]
    app = world.application("staging")
    assert (body["schema"], body["app"], body["uid"], body["project"]) == (1, "tiketi-staging", app.uid, "tiketi")
    assert (body["sync"], body["compared_revision"], body["conditions"]) == ("Synced", app.revision, None)
    assert body["operation"]["operation"]["initiatedBy"] == {"automated": True}


async def test_notifications_are_lost_doubled_and_come_in_the_wrong_order(
    running: World, notifications: Notifications, receiver: Receiver
) -> None:
    async def told_of_a_release() -> list[str]:
        receiver.requests.clear()
        running.release("staging", "backend")
        await running.settle()
        await notifications.sent()
        return [word.rpartition(" ")[2] for word in receiver.told()]

    faults = notifications.faults
    faults.lose = 1
    assert await told_of_a_release() == ["Healthy"]
    faults.copies = 2
    assert await told_of_a_release() == ["Progressing", "Progressing", "Healthy", "Healthy"]
    faults.copies, faults.hold = 1, True
    assert await told_of_a_release() == []
    notifications.release()
    await notifications.sent()
    assert [word.rpartition(" ")[2] for word in receiver.told()] == ["Healthy", "Progressing"]


async def test_a_bot_that_is_away_costs_a_delivery_and_no_run(
    receiver: Receiver, senders: Senders, world: World
) -> None:
    receiver.status = 503
    assert await senders.github("ping", Bodies(world.topology).ping(hook_id=1)) == 503
    assert await senders.argocd({"schema": 1}) == 503
    assert len(receiver.received("POST", "/argocd")) == 4
    receiver.status = 400
    assert await senders.argocd({"schema": 1}) == 400
    assert len(receiver.received("POST", "/argocd")) == 5
    await receiver.stop()
    assert await senders.github("ping", Bodies(world.topology).ping(hook_id=1)) is None


async def test_a_wrong_secret_and_a_redelivery(receiver: Receiver, senders: Senders) -> None:
    assert await senders.github("ping", {"zen": "é"}, delivery="one") == 202
    assert await senders.github("ping", b'{"zen": 1}', delivery="one") == 202
    assert await senders.github("ping", {"zen": ""}, secret="wrong") == 401
    assert [item.headers["x-github-delivery"] for item in receiver.requests][:2] == ["one", "one"]
    assert await senders.ci({"schema": 1}, token="wrong") == 401


@pytest.mark.parametrize("story", [scenarios.failed_sync, scenarios.degraded_rollout])
async def test_a_story_in_production_waits_for_a_person_twice(pipeline: Pipeline, story: Any) -> None:
    world, app = pipeline.world, pipeline.world.application("prod")
    telling = asyncio.create_task(story(pipeline, environment="prod"))
    await world.until(lambda: app.sync_status == "OutOfSync" and next(iter(world.actions.runs.values())).conclusion)
    assert (app.phase, telling.done()) == ("Succeeded", False)
    world.operate("prod", username="minji")
    ran = await telling
    world.operate("prod", username="minji")
    await world.settle()
    assert (app.phase, app.sync_status, app.health["status"]) == ("Succeeded", "Synced", "Healthy")
    assert world.deployment("prod", ran.run.service).image.endswith(f":{ran.tag}")
