"""What the pods of a service say: whether the rollout is done, how far it is, and what hinders it.

"Deployed" has one meaning in this bot and this is it. `Synced` and `Succeeded` only mean that manifests were applied.
"""

from collections.abc import Iterable
from datetime import datetime

from bot.domain.contents import ImageChange
from bot.domain.events import Health, Pod, Workload
from bot.domain.images import Image


def is_deployed(workload: Workload, *, image: Image, health_is_fresh: bool) -> bool:
    """Whether pods run exactly that image and are healthy.

    Git may ask for something newer meanwhile; that changes nothing about what runs. The Deployment must have been
    seen by its controller and be rolled out completely with no old pod left, and every pod that is not terminating
    must be ready and run the image. A Deployment scaled to zero runs nothing and is never "deployed".
    """
    pods = [pod for pod in workload.pods if not pod.terminating]
    return (
        health_is_fresh
        and workload.settled
        and workload.live == image
        and workload.health is Health.HEALTHY
        and 0 < workload.replicas == workload.updated == workload.available == workload.total == len(pods)
        and all(pod.ready and _runs(pod, image) for pod in pods)
    )


def runs_another(workload: Workload, change: ImageChange) -> bool:
    """Whether a pod runs another image than the one that was behind the tag when people consented to it.

    Only where that can be told. Of an index a node may report the index or the image that it chose from it, and what
    a node says of another repository, or not at all, cannot be compared.
    """
    if change.digest is None or change.index:
        return False
    return any(pod.digest not in (None, change.digest) for pod in workload.pods if not pod.terminating)


def is_restarted(workload: Workload, *, before: datetime | None) -> bool:
    """Whether every pod is one of a restart and ready; `before` is when the last restart had been until then.

    A restart changes the template of the pods, so once the controller has seen it, what is up to date is new. No clock
    is compared with another one: the bot's, Argo CD's and the cluster's need not agree.
    """
    pods = [pod for pod in workload.pods if not pod.terminating]
    return (
        restarted(workload, before=before) == workload.replicas == workload.total == len(pods)
        and workload.replicas == workload.available > 0
        and all(pod.ready for pod in pods)
    )


def restarted(workload: Workload, *, before: datetime | None) -> int:
    """How many pods are of the restart."""
    return workload.updated if workload.settled and shows_restart(workload, before=before) else 0


def shows_restart(workload: Workload, *, before: datetime | None) -> bool:
    """Whether the Deployment was told to restart since then."""
    return workload.restarted_at is not None and workload.restarted_at != before


def ready(workload: Workload, *, image: Image) -> int:
    """How many pods are ready and run the image."""
    return sum(pod.ready and not pod.terminating and _runs(pod, image) for pod in workload.pods)


def worst_reason(workload: Workload) -> str:
    """Why the pod that restarted most does not get ready, or '' when no pod gives a reason."""
    worst = worst_pod(workload)
    return (worst.reason or "") if worst else ""


def worst_pod(workload: Workload) -> Pod | None:
    """The pod that restarted most of those that give a reason not to be ready, or None when none does."""
    hindered = [pod for pod in workload.pods if pod.reason and not pod.terminating]
    return max(hindered, key=lambda pod: (pod.restarts, pod.name), default=None)


def worst_first(pods: Iterable[Pod]) -> list[Pod]:
    """The pods in the order in which somebody who looks for the trouble wants them."""
    return sorted(pods, key=lambda pod: (pod.ready, not pod.reason, pod.terminating, -pod.restarts, pod.name))


def restarted_first(pods: Iterable[Pod]) -> list[Pod]:
    """The pods in the order in which somebody wants them who asks what a container said before it was started again."""
    return sorted(worst_first(pods), key=lambda pod: -pod.restarts)


def _runs(pod: Pod, image: Image) -> bool:
    return (pod.image.repository, pod.image.tag) == (image.repository, image.tag)
