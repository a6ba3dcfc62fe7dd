"""What Git asks for against what the cluster holds, object by object, as Argo CD's comparison sees it.

An object is changed when applying the target would change the live one. One that Git no longer asks for is to be
pruned, which makes it different but is only done by an operation that prunes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox import manifests, objects
from sandbox.applications import Application
from sandbox.git import Git
from sandbox.manifests import BuildFailed, Json
from sandbox.rollouts import Namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One object: what Git asks for and what is there, one of which may be missing; `manifest` is either of them."""

    manifest: Json
    target: Json | None
    live: Json | None
    health: Json | None

    @property
    def predicted(self) -> Json | None:
        """The live object after a sync."""
        if self.target is None or self.live is None:
            return self.target
        return manifests.predict(self.live, self.target)

    @property
    def changed(self) -> bool:
        """Whether a sync would change anything: the same as `live != predicted`, without making a prediction."""
        return self.target is None or self.live is None or not manifests.covers(self.live, self.target)

    @property
    def reference(self) -> Json:
        """Group, version, kind, namespace and name, as `syncResult` writes them."""
        manifest = self.manifest
        return {
            "group": manifests.group_of(manifest),
            "version": str(manifest["apiVersion"]).rpartition("/")[2],
            "kind": manifest["kind"],
            "namespace": manifest["metadata"]["namespace"],
            "name": manifest["metadata"]["name"],
        }

    def selected(self, resources: Iterable[Json]) -> bool:
        """Whether a partial sync's `resources` name this object: group, kind and name exactly, namespace if given."""
        mine = self.reference
        return any(
            all(entry.get(part, "") == mine[part] for part in ("group", "kind", "name"))
            and entry.get("namespace", "") in ("", mine["namespace"])
            for entry in resources
        )

    def status(self) -> Json:
        """The entry of `status.resources`."""
        entry = {name: value for name, value in self.reference.items() if value}
        entry["status"] = "OutOfSync" if self.changed else "Synced"
        if self.target is None:
            entry["requiresPruning"] = True
        return entry | ({"health": self.health} if self.health else {})


class Comparer:
    """Answers what an Application's revision asks for, and how that differs from what its namespace holds."""

    def __init__(self, *, git: Git, namespaces: Mapping[str, Namespace]) -> None:
        self._git = git
        self._namespaces = namespaces
        self._rendered: dict[tuple[str, str], list[Json]] = {}

    def targets(self, app: Application, revision: str, *, source: Json | None = None) -> list[Json]:
        """The manifests at the revision, to be read only; raises UnknownRevision or BuildFailed."""
        path = f"{(source or app.spec['source'])['path']}/kustomization.yaml"
        commit = self._git.find(revision)
        if (commit.sha, path) not in self._rendered:
            if path not in commit.tree:
                raise BuildFailed(f"{path}: app path does not exist")
            self._rendered[commit.sha, path] = manifests.render(manifests.read(commit.tree[path]))
        return self._rendered[commit.sha, path]

    def differences(self, app: Application, revision: str, *, source: Json | None = None) -> list[Difference]:
        """Every object the revision asks for or the namespace holds, in the order of a sync; raises as `targets`."""
        return compare(self.targets(app, revision, source=source), self._namespaces[app.environment])


def compare(targets: Iterable[Json], namespace: Namespace) -> list[Difference]:
    """Every object that Git asks for or the namespace holds, in the order of a sync."""
    wanted = {(target["kind"], target["metadata"]["name"]): target for target in targets}
    kept = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in namespace.manifests()}
    found = []
    for key, manifest in {**wanted, **kept, **wanted}.items():
        live, health = _live(namespace, *key), _health(namespace, *key)
        found.append(Difference(manifest=manifest, target=wanted.get(key), live=live, health=health))
    return found


def _live(namespace: Namespace, kind: str, name: str) -> Json | None:
    if kind == "Deployment":
        return objects.deployment(namespace.deployments[name]) if name in namespace.deployments else None
    manifest = namespace.manifest(kind, name)
    return None if manifest is None else objects.live(manifest, uid=f"{kind}-{name}".lower(), created=namespace.created)


def _health(namespace: Namespace, kind: str, name: str) -> Json | None:
    if namespace.manifest(kind, name) is None:
        return {"status": "Missing"}
    if kind == "Deployment":
        return namespace.deployments[name].health()
    return {"status": "Healthy"} if kind == "Service" else None
