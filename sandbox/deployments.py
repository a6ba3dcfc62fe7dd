"""A Deployment, its pods, and what Argo CD thinks of it.

These are the values a rollout moves; `sandbox.rollouts` moves them. A Deployment's health follows the rules of Argo
CD's built-in check, word for word, because its messages end up in front of people.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sandbox.manifests import Json

CRASH_LOGS = (
    "> node dist/server.js",
    'Error: connect ECONNREFUSED 10.20.3.14:5432 (host "postgres")',
    "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)",
    "npm ERR! Exit status 1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """Why no container of an image runs: the waiting reason, its message, and what a crashing one logged."""

    reason: str = "CrashLoopBackOff"
    message: str = "back-off 40s restarting failed container"
    logs: tuple[str, ...] = CRASH_LOGS

    @property
    def crashes(self) -> bool:
        """Whether the container started at all before it failed."""
        return self.reason == "CrashLoopBackOff"


@dataclass(slots=True, kw_only=True)
class Pod:
    """One pod with one container; `breakage` says why it is not running, if it is not."""

    name: str
    uid: str
    template: str
    image: str
    image_id: str
    created: datetime
    ready: bool = False
    age: int = 0
    restarts: int = 0
    breakage: Breakage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How far a Deployment's rollout has come; `since` moves when the reason does."""

    status: bool
    reason: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something the cluster noticed about one of its objects."""

    type: str
    reason: str
    message: str
    kind: str
    name: str
    uid: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class Deployment:
    """What was applied (`manifest`), what the controller has observed of it, and the pods it runs."""

    manifest: Json
    uid: str
    created: datetime
    generation: int = 1
    observed: int = 0
    revision: int = 0
    template: str = ""
    pods: list[Pod] = field(default_factory=list)
    stalled: int = 0
    restarted_at: str | None = None
    progressing: Condition | None = None

    @property
    def name(self) -> str:
        """The Deployment's name, which is the service's."""
        return str(self.manifest["metadata"]["name"])

    @property
    def replicas(self) -> int:
        """How many pods are wanted."""
        return int(self.manifest["spec"]["replicas"])

    @property
    def image(self) -> str:
        """The image of the pod template."""
        return str(self.manifest["spec"]["template"]["spec"]["containers"][0]["image"])

    @property
    def updated(self) -> list[Pod]:
        """The pods of the present template."""
        return [pod for pod in self.pods if pod.template == self.template]

    @property
    def available(self) -> int:
        """How many pods are ready, of whichever template."""
        return sum(pod.ready for pod in self.pods)

    @property
    def complete(self) -> bool:
        """Whether exactly the wanted pods run, all of the present template and all ready."""
        settled = self.observed == self.generation and len(self.pods) == self.replicas
        return settled and all(pod.ready and pod.template == self.template for pod in self.pods)

    @property
    def under_way(self) -> bool:
        """Whether a rollout is still expected to get on: neither complete, nor given up, nor broken after its end."""
        ended = self.progressing is not None and self.progressing.reason != "ReplicaSetUpdated"
        return not self.complete and (self.observed < self.generation or not ended)

    @property
    def exceeded(self) -> bool:
        """Whether the progress deadline has passed without the rollout getting on."""
        return self.progressing is not None and self.progressing.reason == "ProgressDeadlineExceeded"

    def health(self) -> Json:
        """Argo CD's verdict on the Deployment, with its words for each reason to wait."""
        new, total = len(self.updated), len(self.pods)
        waiting = "Waiting for rollout to finish: "
        if self.observed < self.generation:
            message = f"{waiting}observed deployment generation less than desired generation"
        elif self.exceeded:
            return {"status": "Degraded", "message": f'Deployment "{self.name}" exceeded its progress deadline'}
        elif new < self.replicas:
            message = f"{waiting}{new} out of {self.replicas} new replicas have been updated..."
        elif total > new:
            message = f"{waiting}{total - new} old replicas are pending termination..."
        elif self.available < new:
            message = f"{waiting}{self.available} of {new} updated replicas are available..."
        else:
            return {"status": "Healthy"}
        return {"status": "Progressing", "message": message}
