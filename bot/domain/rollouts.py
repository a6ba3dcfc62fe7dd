"""What the pods of a service say: whether the rollout is done, how far it is, and what hinders it.

"Deployed" has one meaning in this bot and this is it. `Synced` and `Succeeded` only mean that manifests were applied.
"""

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


def ready(workload: Workload, *, image: Image) -> int:
    """How many pods are ready and run the image."""
    return sum(pod.ready and not pod.terminating and _runs(pod, image) for pod in workload.pods)


def worst_reason(workload: Workload) -> str:
    """Why the pod that restarted most does not get ready, or '' when no pod gives a reason."""
    hindered = [pod for pod in workload.pods if pod.reason and not pod.terminating]
    worst = max(hindered, key=lambda pod: (pod.restarts, pod.name), default=None)
    return (worst.reason or "") if worst else ""


def _runs(pod: Pod, image: Image) -> bool:
    return (pod.image.repository, pod.image.tag) == (image.repository, image.tag)
