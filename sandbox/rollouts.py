"""One namespace of a cluster: Deployments that replace their pods one at a time, a step per `tick`.

A rolling update here has maxSurge 1 and maxUnavailable 0, like the overlays': a tick observes a new generation, or adds
a pod, makes the one added before ready and takes an old one away. A pod whose image cannot be pulled, or which crashes,
never gets ready, the old ones stay, and after `deadline` ticks without progress the Deployment says so.

    applied -> observed -> (pod added -> pod ready, old pod gone) x replicas -> NewReplicaSetAvailable
                                      -> pod waiting ... -> ProgressDeadlineExceeded
"""

import random
from collections.abc import Callable

from sandbox.deployments import Breakage, Condition, Deployment, Event, Pod
from sandbox.git import digest
from sandbox.manifests import Json, copied
from sandbox.timeline import Timeline, rfc3339

CURRENT = "current"  # The context of environments that name none.


class Namespace:
    """The objects of one namespace of one cluster. `breakage` tells why an image does not run, or None."""

    def __init__(
        self,
        *,
        context: str,
        name: str,
        timeline: Timeline,
        breakage: Callable[[str], Breakage | None],
        digest_of: Callable[[str], str],
        deadline: int = 6,
    ) -> None:
        self.context = context
        self.name = name
        self.deadline = deadline
        self.created = timeline.now()
        self.deployments: dict[str, Deployment] = {}
        self.objects: dict[tuple[str, str], Json] = {}
        self.events: list[Event] = []
        self._timeline = timeline
        self._breakage = breakage
        self._digest_of = digest_of
        self._dice = random.Random(f"{context}/{name}")

    def tick(self) -> None:
        """Let every Deployment take one step."""
        for deployment in self.deployments.values():
            self._step(deployment)

    def apply(self, manifest: Json) -> str:
        """Apply one object; returns kubectl's word for what that did: created, configured or unchanged."""
        key = (manifest["kind"], manifest["metadata"]["name"])
        old = self.manifest(*key)
        if old == manifest:
            return "unchanged"
        wanted = copied(manifest)
        if manifest["kind"] != "Deployment":
            self.objects[key] = wanted
        elif key[1] in self.deployments:
            self.deployments[key[1]].manifest = wanted
            self.deployments[key[1]].generation += 1
        else:
            uid = self._uid(key[1])
            self.deployments[key[1]] = Deployment(manifest=wanted, uid=uid, created=self._timeline.now())
        return "created" if old is None else "configured"

    def restart(self, name: str) -> None:
        """Mark the pod template of a Deployment with the second of this restart, which replaces its pods."""
        item, now = self.deployments[name], rfc3339(self._timeline.now())
        if item.restarted_at != now:
            item.restarted_at = now
            item.generation += 1

    def delete(self, kind: str, name: str) -> None:
        """Remove one object, if it is there."""
        self.objects.pop((kind, name), None)
        if kind == "Deployment":
            self.deployments.pop(name, None)

    def manifest(self, kind: str, name: str) -> Json | None:
        """What was last applied under this name, or None."""
        if kind == "Deployment":
            return self.deployments[name].manifest if name in self.deployments else None
        return self.objects.get((kind, name))

    def manifests(self) -> list[Json]:
        """Everything that was applied and not deleted."""
        return [*self.objects.values(), *(deployment.manifest for deployment in self.deployments.values())]

    def _uid(self, name: str) -> str:
        text = digest(f"{self.context}/{self.name}/{name}/{self._dice.random()}")
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"

    def _step(self, deployment: Deployment) -> None:
        if deployment.observed < deployment.generation:
            self._observe(deployment)
            return
        before = [(pod.name, pod.ready) for pod in deployment.pods]
        for pod in deployment.pods:
            self._run(pod)
        self._replace(deployment)
        moved = before != [(pod.name, pod.ready) for pod in deployment.pods]
        deployment.stalled = 0 if moved else deployment.stalled + 1
        replica_set = f'ReplicaSet "{deployment.name}-{deployment.template}"'
        if deployment.complete:
            self._progress(deployment, "NewReplicaSetAvailable", f"{replica_set} has successfully progressed.")
        elif deployment.progressing and deployment.progressing.reason == "NewReplicaSetAvailable":
            return  # Pods that fail after the rollout ended are no part of its progress; no deadline runs for them.
        elif moved:
            self._progress(deployment, "ReplicaSetUpdated", f"{replica_set} is progressing.")
        elif deployment.stalled >= self.deadline:
            self._progress(deployment, "ProgressDeadlineExceeded", f"{replica_set} has timed out progressing.")

    def _observe(self, deployment: Deployment) -> None:
        deployment.observed = deployment.generation
        deployment.stalled = 0
        template = digest(repr(deployment.manifest["spec"]["template"]) + (deployment.restarted_at or ""))[:10]
        if template != deployment.template:
            deployment.template = template
            deployment.revision += 1
            replica_set = f"{deployment.name}-{template}"
            self._progress(deployment, "ReplicaSetUpdated", f'ReplicaSet "{replica_set}" is progressing.')
            self._record(deployment, "Normal", "ScalingReplicaSet", f"Scaled up replica set {replica_set}")

    def _run(self, pod: Pod) -> None:
        breakage = self._breakage(pod.image)
        pod.age = pod.age + 1 if breakage and pod.breakage else 1
        if breakage and pod.age & (pod.age - 1) == 0:  # The pauses between two tries double.
            pod.restarts += breakage.crashes
            self._record(pod, "Warning", "BackOff" if breakage.crashes else "Failed", breakage.message)
        elif not breakage and not pod.ready:
            self._record(pod, "Normal", "Started", f"Started container {pod.name.rsplit('-', 2)[0]}")
        pod.breakage = breakage
        pod.ready = breakage is None

    def _replace(self, deployment: Deployment) -> None:
        old = [pod for pod in deployment.pods if pod.template != deployment.template]
        surplus = deployment.pods if not old and len(deployment.pods) > deployment.replicas else old
        # An old pod that does not run serves nobody, so it goes first and costs no availability.
        leaving = min(surplus, key=lambda pod: pod.ready, default=None)
        if leaving and (not leaving.ready or deployment.available > deployment.replicas):
            deployment.pods.remove(leaving)
        if len(deployment.updated) < deployment.replicas and len(deployment.pods) <= deployment.replicas:
            deployment.pods.append(self._pod(deployment))

    def _pod(self, deployment: Deployment) -> Pod:
        suffix = "".join(self._dice.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
        name = f"{deployment.name}-{deployment.template}-{suffix}"
        image = deployment.image
        return Pod(
            name=name,
            uid=self._uid(name),
            template=deployment.template,
            image=image,
            image_id=f"{image.rpartition(':')[0]}@{self._digest_of(image)}" if self._digest_of(image) else "",
            created=self._timeline.now(),
        )

    def _progress(self, deployment: Deployment, reason: str, message: str) -> None:
        if deployment.progressing is None or deployment.progressing.reason != reason:
            deployment.progressing = Condition(
                status=reason != "ProgressDeadlineExceeded",
                reason=reason,
                message=message,
                since=self._timeline.now(),
            )

    def _record(self, about: Deployment | Pod, type_: str, reason: str, message: str) -> None:
        self.events.append(
            Event(
                type=type_,
                reason=reason,
                message=message,
                kind=type(about).__name__,
                name=about.name,
                uid=about.uid,
                at=self._timeline.now(),
            )
        )
        del self.events[:-500]  # The cluster forgets; here after so many instead of after an hour.
