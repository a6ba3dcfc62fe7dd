"""The scripted delivery pipeline: what GitHub Actions does from a push to the manifest commit, told as it happens.

A run changes the world (commits, images, runs) and tells the bot of every step through the senders, in the order in
which the real systems do it. What follows the manifest commit is the world's: Argo CD notices it and syncs, or waits.

    ran = await pipeline.run("ticket-service", "staging", author="hyunwoo", subject="fix: hold a seat for ten minutes")
    ran = await pipeline.run("ticket-service", "prod", author=…, subject=…, fail_at="build")
    ran = await pipeline.rerun(ran, author="minji")
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import bodies
from sandbox.actions import Run
from sandbox.bodies import Bodies
from sandbox.deployments import Breakage
from sandbox.git import Commit
from sandbox.images import Image
from sandbox.manifests import BuildFailed
from sandbox.senders import Senders
from sandbox.world import World

STEPS = {"build": "Build image", "scan": "Scan image", "push": "Push image", "manifest": "Update manifest"}
FAILURES = {
    "build": "npm ERR! Missing script: build",
    "scan": "FATAL failed to download vulnerability DB: TOOMANYREQUESTS",
    "push": "denied: User is not authorized to perform: ecr:InitiateLayerUpload",
    "manifest": "error: failed to push some refs: the branch moved 5 times while rebasing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one attempt of a run came to; what it did not reach is None."""

    run: Run
    attempt: int
    environment: str
    source: Commit
    tag: str
    image: Image | None = None
    manifest: Commit | None = None
    failed_at: str | None = None


class Pipeline:
    """Runs workflows; `pace` is the seconds that each step takes. Several may run at once."""

    def __init__(self, world: World, senders: Senders, *, pace: float = 1.0) -> None:
        self.world = world
        self.pace = pace
        self.senders = senders
        self.bodies = Bodies(world.topology)

    async def run(
        self,
        service: str,
        environment: str,
        *,
        author: str,
        subject: str,
        fail_at: str | None = None,
        critical: int = 0,
        high: int = 2,
        breakage: Breakage | None = None,
    ) -> Ran:
        """Push a change of the service to the environment's branch and run its workflow to the end.

        `fail_at` is the stage that fails: build, scan, push or manifest. With a `breakage` the image is pushed, and
        does not run. The counts are what Trivy finds.
        """
        branch = self.world.topology.environments[environment].branch
        before = self.world.git.head(branch).sha
        commit = self.world.commit_source(service, branch=branch, login=author, subject=subject)
        await self.senders.github("push", self.bodies.push(branch, [commit], before=before))
        at = self.world.timeline.after()
        run = self.world.actions.request(service, branch=branch, commit=commit, event="push", at=at)
        attempt = _Attempt(self, run, environment, found={"critical": critical, "high": high}, breakage=breakage)
        return await attempt.go(fail_at)

    async def rerun(
        self, ran: Ran, *, author: str, fail_at: str | None = None, critical: int = 0, high: int = 2
    ) -> Ran:
        """Run the same commit again under the same run id: the next attempt."""
        self.world.actions.rerun(ran.run, by=author, at=self.world.timeline.after())
        attempt = _Attempt(self, ran.run, ran.environment, found={"critical": critical, "high": high}, breakage=None)
        return await attempt.go(fail_at)

    async def resume(self, run: Run) -> Ran:
        """Go through the attempt that somebody asked GitHub for; nothing fails in it."""
        places = self.world.topology.environments.items()
        environment = next(name for name, place in places if place.pipeline and place.branch == run.branch)
        return await _Attempt(self, run, environment, found={"critical": 0, "high": 2}, breakage=None).go(None)


class _Attempt:
    """One attempt of a run, as far as it has come."""

    def __init__(
        self,
        pipeline: Pipeline,
        run: Run,
        environment: str,
        *,
        found: Mapping[str, int],
        breakage: Breakage | None,
    ) -> None:
        self._pipeline = pipeline
        self._world = pipeline.world
        self._run = run
        self._environment = environment
        self._found = found
        self._breakage = breakage
        self._tag = ""
        self._image: Image | None = None
        self._manifest: Commit | None = None

    async def go(self, fail_at: str | None) -> Ran:
        """From the request to the end of the run."""
        await self._queue()
        await self._start()
        failed_at = None
        for stage in STEPS:
            failed_at = failed_at or await self._pass(stage, fails=stage == fail_at)
        await self._complete("failure" if failed_at else "success")
        return Ran(
            run=self._run,
            attempt=self._run.attempt,
            environment=self._environment,
            source=self._run.commit,
            tag=self._tag,
            image=self._image,
            manifest=self._manifest,
            failed_at=failed_at,
        )

    async def _queue(self) -> None:
        await self._tell_of_run("requested")
        await self._tell_of_job("queued")
        await asyncio.sleep(self._pipeline.pace)

    async def _start(self) -> None:
        self._run.status = "in_progress"
        self._run.job.start(self._world.timeline.after())
        self._tag = self._world.tag_of(self._run.commit.sha)
        await self._tell_of_run("in_progress")
        await self._tell_of_job("in_progress")

    async def _pass(self, stage: str, *, fails: bool) -> str | None:
        """Go through one stage; returns its name if it failed."""
        self._run.job.begin(STEPS[stage], self._world.timeline.after())
        await self._report(stage, "started")
        await asyncio.sleep(self._pipeline.pace)
        failure = FAILURES[stage] if fails else None
        found: dict[str, Any] = {}
        if not fails:
            try:
                found = await self._do(stage)
            except BuildFailed as error:
                failure = str(error)
        self._run.job.finish(STEPS[stage], "failure" if failure else "success", self._world.timeline.after())
        if failure:
            await self._report(stage, "failed", message=failure, url=self._url)
            return stage
        await self._report(stage, "succeeded", tag=self._tag, image=self._repository, **found)
        return None

    async def _do(self, stage: str) -> dict[str, Any]:
        """The work of a stage; returns what its report says besides the image."""
        service, revision = self._run.service, self._run.commit.sha
        if stage == "scan":
            return dict(self._found)
        if stage == "push":
            self._image = self._world.push_image(service, self._environment, revision=revision, tag=self._tag)
            if self._breakage:
                self._world.breakages[self._tag] = self._breakage
            return {"digest": self._image.digest}
        if stage == "manifest":
            self._manifest = self._world.commit_tag(service, self._environment, tag=self._tag)
            push = self._pipeline.bodies.push(self._run.branch, [self._manifest], before=self._manifest.parents[0])
            await self._pipeline.senders.github("push", push)
            return {"manifest_revision": self._manifest.sha}
        return {}

    async def _complete(self, conclusion: str) -> None:
        self._run.job.complete(conclusion, self._world.timeline.after())
        await self._tell_of_job("completed")
        self._run.status, self._run.conclusion = "completed", conclusion
        await self._tell_of_run("completed")

    async def _tell_of_run(self, action: str) -> None:
        self._run.updated_at = self._world.timeline.after()
        body = self._pipeline.bodies.workflow_run(action, self._run)
        await self._pipeline.senders.github("workflow_run", body)

    async def _tell_of_job(self, action: str) -> None:
        body = self._pipeline.bodies.workflow_job(action, self._run, self._run.job)
        await self._pipeline.senders.github("workflow_job", body)

    async def _report(self, stage: str, status: str, **more: Any) -> None:
        at = self._world.timeline.after()
        body = bodies.ci(self._run, self._environment, stage=stage, status=status, at=at, **more)
        await self._pipeline.senders.ci(body, run=self._run)

    @property
    def _repository(self) -> str:
        topology = self._world.topology
        return f"{topology.registry}/{topology.services[self._run.service].image}"

    @property
    def _url(self) -> str:
        run = self._run
        return f"https://github.com/{self._world.topology.repository}/actions/runs/{run.id}/job/{run.job.id}"
