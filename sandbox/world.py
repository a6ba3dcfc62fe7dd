"""The world the bot serves, as one truth that every stand-in server shows a side of.

`World` holds the repository (`git`, `actions`), the registry (`images`), and for every environment a namespace
(`namespaces`) and an Argo CD Application (`applications`), as in a system that runs: everything deployed, synced and
healthy. It moves by `tick()` only, one step of every controller. `async with world:` ticks it every `pace` seconds; a
test that wants to see every step ticks by hand.

    world = World(with_clusters(topology), pace=0.01)
    async with world, Argocd(world) as argocd, Github(world) as github:
        world.release("prod", "ticket-service")          a commit, an image, a manifest commit
        await world.settle()                             the controllers have done what there is to do
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bot.topology import Topology
from sandbox import beginning, manifests
from sandbox.actions import Actions
from sandbox.applications import Application
from sandbox.comparison import Comparer
from sandbox.controller import Controller
from sandbox.deployments import Breakage, Deployment
from sandbox.git import Commit, Git
from sandbox.images import Image, Images
from sandbox.manifests import Json, Overlay
from sandbox.operations import Operations, Sync
from sandbox.rollouts import CURRENT, Namespace
from sandbox.timeline import Clock, Timeline, utc_now

BOT = beginning.BOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One Argo CD notification: the trigger that fired, and the Application as it was stored then."""

    application: str
    trigger: str
    document: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A branch that was moved through GitHub's API or by `git push`, with the commits it got, oldest first."""

    branch: str
    before: str | None
    after: Commit
    commits: tuple[Commit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What one passage through the pipeline leaves behind."""

    source: Commit
    tag: str
    image: Image
    manifest: Commit


def with_clusters(topology: Topology) -> Topology:
    """The same topology with a context of its own for every environment that names none.

    The packaged one names none, and its dev and prod have the same namespace: on one cluster they would be one place.
    """
    environments = {
        name: environment.model_copy(update={"context": environment.context or f"cluster-{name}"})
        for name, environment in topology.environments.items()
    }
    return topology.model_copy(update={"environments": environments})


class World:
    """One repository, one registry, and for each environment one Application and one namespace.

    Every Notice is kept in `notices` and given to each of `listeners`, every Push to each of `watchers`. `breakages`
    maps an image tag to why it does not run. What operations did to the cluster is in `syncs`.
    """

    def __init__(self, topology: Topology, *, clock: Clock = utc_now, pace: float = 1.0) -> None:
        self.topology = topology
        self.pace = pace
        self.timeline = Timeline(clock, past=beginning.AGE)
        self.git = Git(default_branch=beginning.branches(topology)[0])
        self.images = Images(service.image for service in topology.services.values())
        self.actions = Actions({name: service.workflow for name, service in topology.services.items()})
        self.breakages: dict[str, Breakage] = {}
        self.notices: list[Notice] = []
        self.listeners: list[Callable[[Notice], None]] = []
        self.watchers: list[Callable[[Push], None]] = []
        self.namespaces = self._make_namespaces()
        self.comparer = Comparer(git=self.git, namespaces=self.namespaces)
        self.operations = Operations(comparer=self.comparer, namespaces=self.namespaces, timeline=self.timeline)
        self.controller = Controller(
            git=self.git,
            comparer=self.comparer,
            operations=self.operations,
            namespaces=self.namespaces,
            timeline=self.timeline,
            notify=self._notify,
        )
        self.applications: dict[str, Application] = {}
        self.idle = False
        self._ticked = asyncio.Event()
        self._ticking: asyncio.Task[None] | None = None
        beginning.deploy_everything(self)

    async def __aenter__(self) -> Self:
        self._ticking = asyncio.create_task(self._run(), name="world")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        ticking, self._ticking = self._ticking, None
        if ticking:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking

    @property
    def syncs(self) -> list[Sync]:
        """Every operation that reached the cluster, oldest first."""
        return self.operations.syncs

    def application(self, environment: str) -> Application:
        """The Application of the environment."""
        return self.applications[self.topology.environments[environment].application]

    def deployment(self, environment: str, service: str) -> Deployment:
        """The Deployment of the service in the environment."""
        return self.namespaces[environment].deployments[service]

    def overlay(self, environment: str) -> Overlay:
        """What the tip of the environment's branch asks for; raises BuildFailed if that cannot be read."""
        place = self.topology.environments[environment]
        return manifests.read(self.git.head(place.branch).tree[f"{place.overlay}/kustomization.yaml"])

    def tick(self) -> None:
        """Let every controller take one step; `idle` says whether that moved anything."""
        before = self._fingerprint()
        self._look_for_pushes()
        for namespace in self.namespaces.values():
            namespace.tick()
        for app in self.applications.values():
            self.controller.tick(app)
        self.idle = before == self._fingerprint()
        self._ticked.set()

    async def until(self, condition: Callable[[], object], *, within: float = 10.0) -> None:
        """Wait for the condition, looking after every tick; raises TimeoutError. Ticks itself when nobody else does."""
        async with asyncio.timeout(within):
            while not condition():
                if self._ticking is None:
                    self.tick()
                    await asyncio.sleep(0)
                elif self._ticking.done():
                    await self._ticking
                else:
                    self._ticked.clear()
                    await self._ticked.wait()

    async def settle(self, *, within: float = 10.0) -> None:
        """Wait until nothing moves any more: all that can be synced is, and every rollout has ended or given up."""
        self.idle = False
        await self.until(lambda: self.idle, within=within)

    def commit_source(self, service: str, *, branch: str, login: str, subject: str) -> Commit:
        """Somebody changes the service's code."""
        path = f"{self.topology.services[service].directory}/src/server.js"
        text = f"// {len(self.git.commits)}: {subject}\n"
        return self.git.commit(branch, {path: text}, message=subject, login=login, at=self.timeline.after())

    def tag_of(self, revision: str) -> str:
        """The tag that an image of the revision gets now: `a1b2c3d-20260105-143022`."""
        return f"{revision[:7]}-{self.timeline.now():%Y%m%d-%H%M%S}"

    def push_image(self, service: str, environment: str, *, revision: str, tag: str) -> Image:
        """Push the image of the revision with its three tags."""
        repository = self.topology.services[service].image
        tags = (tag, "latest", environment)
        return self.images.push(repository, tags=tags, revision=revision, at=self.timeline.now())

    def commit_tag(self, service: str, environment: str, *, tag: str, login: str = BOT) -> Commit:
        """Write the tag into the environment's overlay."""
        place = self.topology.environments[environment]
        path = f"{place.overlay}/kustomization.yaml"

        def change(tree: Mapping[str, str]) -> dict[str, str]:
            overlay = manifests.read(tree[path])
            return {path: manifests.write(dataclasses.replace(overlay, tags={**overlay.tags, service: tag}))}

        message = f"chore({environment}): {service} {tag}"
        return self.git.commit(place.branch, change, message=message, login=login, at=self.timeline.after())

    def commit_overlay(self, environment: str, overlay: Overlay | str, *, message: str, login: str) -> Commit:
        """Write the environment's overlay, as a value or as any text, and push it."""
        place = self.topology.environments[environment]
        text = overlay if isinstance(overlay, str) else manifests.write(overlay)
        files = {f"{place.overlay}/kustomization.yaml": text}
        return self.git.commit(place.branch, files, message=message, login=login, at=self.timeline.after())

    def release(
        self, environment: str, service: str, *, login: str = "hyunwoo", subject: str = "fix: seats"
    ) -> Released:
        """What the pipeline leaves behind, at once and without a run: a commit, an image, a manifest commit."""
        branch = self.topology.environments[environment].branch
        source = self.commit_source(service, branch=branch, login=login, subject=subject)
        tag = self.tag_of(source.sha)
        image = self.push_image(service, environment, revision=source.sha, tag=tag)
        return Released(source=source, tag=tag, image=image, manifest=self.commit_tag(service, environment, tag=tag))

    async def deploy(self, environment: str, service: str) -> Released:
        """Release the service and sync all of the environment: one more entry of its history, healthy pods."""
        app, released = self.application(environment), self.release(environment, service)
        await self.until(lambda: app.revision == released.manifest.sha)
        if not app.automated:
            self.operate(environment)
        await self.settle()
        return released

    def move(self, branch: str, revision: str, *, before: str | None) -> None:
        """Move a branch from there, or begin it, as the API does; the watchers are told. Raises as `Branches.swap`."""
        self._look_for_pushes()
        self.git.branches.swap(branch, revision, old=before)
        self._tell_of_push(branch, before)

    def operate(self, environment: str, *, username: str = "admin", **sync: Any) -> None:
        """Somebody else starts a sync; keywords are fields of the operation. Raises OperationInProgress."""
        app = self.application(environment)
        sync = {"revision": app.revision, "source": dict(app.spec["source"]), **sync}
        self.operations.begin(app, {"sync": sync, "initiatedBy": {"username": username}, "retry": {}})

    async def _run(self) -> None:
        try:
            while True:
                self.tick()
                await asyncio.sleep(self.pace)
        finally:
            self._ticked.set()  # whoever waits for a tick must see that there will be none

    def _look_for_pushes(self) -> None:
        if self.watchers:
            for branch, before in self.git.branches.pushed().items():
                self._tell_of_push(branch, before)

    def _tell_of_push(self, branch: str, before: str | None) -> None:
        after = self.git.head(branch)
        bases = [before] if before else [other for other in self.git.branches if other != branch]
        known = {commit.sha for base in bases for commit in self.git.history(base)}
        commits = [commit for commit in self.git.history(after.sha) if commit.sha not in known]
        push = Push(branch=branch, before=before, after=after, commits=tuple(reversed(commits)))
        for watcher in self.watchers:
            watcher(push)

    def _notify(self, app: Application, trigger: str) -> None:
        notice = Notice(application=app.name, trigger=trigger, document=app.stored())
        self.notices.append(notice)
        for listener in self.listeners:
            listener(notice)

    def _fingerprint(self) -> list[object]:
        deployments = [one for namespace in self.namespaces.values() for one in namespace.deployments.values()]
        waiting = [one.stalled if one.under_way else 0 for one in deployments]
        pods = [(pod.name, pod.ready) for one in deployments for pod in one.pods]
        return [app.version for app in self.applications.values()] + [waiting, pods]

    def _breakage(self, image: str) -> Breakage | None:
        tag = image.rpartition(":")[2]
        if tag not in self.breakages and not self._digest(image):
            return Breakage(reason="ImagePullBackOff", message=f'Back-off pulling image "{image}"', logs=())
        return self.breakages.get(tag)

    def _digest(self, image: str) -> str:
        repository, _, tag = image.removeprefix(f"{self.topology.registry}/").rpartition(":")
        found = self.images.find(repository, tag)
        return found.digest if found else ""

    def _make_namespaces(self) -> dict[str, Namespace]:
        made: dict[str, Namespace] = {}
        for name, place in self.topology.environments.items():
            for other, namespace in made.items():
                if (namespace.context, namespace.name) == (place.context or CURRENT, place.namespace):
                    raise ValueError(f"{name} and {other} are one namespace of one cluster; see with_clusters")
            made[name] = Namespace(
                context=place.context or CURRENT,
                name=place.namespace,
                timeline=self.timeline,
                breakage=self._breakage,
                digest_of=self._digest,
            )
        return made
