"""What reaches the bot when a pipeline runs: every body, signed, in order, and the stories with their recoveries."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox import scenarios
from sandbox.bodies import Bodies
from sandbox.notifications import Notifications
from sandbox.pipeline import Pipeline
from sandbox.runners import Runners
from sandbox.world import World
from tests.sandbox.receiver import Receiver

EXAMPLES = Path(__file__).parents[1] / "fixtures" / "octokit" / "index.json.gz"


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


async def test_whoever_asks_github_for_a_re_run_gets_one(
    pipeline: Pipeline, receiver: Receiver, running: World
) -> None:
    pipeline.pace = 0.02
    async with Runners(pipeline) as runners:
        story = asyncio.create_task(scenarios.failing_build(pipeline))
        await running.until(lambda: any(run.conclusion == "failure" for run in running.actions.runs.values()))
        [run] = running.actions.runs.values()
        running.actions.order(run, everything=False, by="jisoo", at=running.timeline.after())
        await runners.idle()
        await story
    assert (run.attempt, run.conclusion, run.triggering_actor) == (2, "success", "jisoo")
    assert running.application("staging").health["status"] == "Healthy"


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
