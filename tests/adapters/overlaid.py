"""An overlay as the tests of building and checking write it: a base with one service, and what a test changes."""

from collections.abc import Mapping

from bot.adapters import kustomize, manifest_check
from bot.adapters.kustomize import DoesNotBuild
from bot.adapters.overlays import Overlay
from bot.domain.validations import Checked

PROD, BASE = "k8s/overlays/prod", "k8s/base"
KUSTOMIZATION = f"{PROD}/kustomization.yaml"
PATCH = f"{PROD}/patch.yaml"
BACKEND = f"{BASE}/backend.yaml"
GOOD: dict[str, str] = {
    KUSTOMIZATION: """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: tiketi
namePrefix: x-
resources:
  - ../../base
images:
  - {name: backend, newName: registry/tiketi-backend, newTag: "1.10"}
""",
    f"{BASE}/kustomization.yaml": "resources: [backend.yaml]\n",
    BACKEND: """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: backend
spec:
  selector:
    matchLabels: {app: backend}
  template:
    metadata:
      labels: {app: backend}
    spec:
      containers:
        - name: backend
          image: backend
        - name: proxy
          image: proxy:2
---
apiVersion: v1
kind: Service
metadata:
  name: backend
spec:
  ports:
    - port: 80
""",
}


def with_patches(patches: str, **files: str) -> dict[str, str]:
    """The files with more in the outer kustomization, and a patch beside it."""
    more = {f"{PROD}/{name}.yaml": text for name, text in files.items()}
    return {**GOOD, KUSTOMIZATION: GOOD[KUSTOMIZATION] + patches, **more}


async def checked(files: Mapping[str, str]) -> Checked:
    """What kubectl and the check make of the files."""
    names = sorted(
        (path for path in files if path.endswith("/kustomization.yaml")), key=lambda path: path != KUSTOMIZATION
    )
    overlay = Overlay(directory=PROD, files={path: text.encode() for path, text in files.items()}, kustomizations=names)
    try:
        built = await kustomize.build(overlay, kubectl=kustomize.find())
    except DoesNotBuild as error:
        return await manifest_check.check(overlay, message=error.message)
    return await manifest_check.check(overlay, built=built)


def lines(found: Checked) -> list[str]:
    """The problems as compilers write them."""
    return [
        f"{one.file}:{one.line} " + " ".join(filter(None, (one.subject, one.place))) + f": {one.text}"
        for one in found.problems
    ]
