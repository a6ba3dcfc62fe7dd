"""/validate: what an environment's overlay makes at a commit, for whoever may look."""

from typing import Any

import pytest
from simcord.results import InteractionResult

from bot.domain.reasons import SENTENCES, Reason
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.looks import EVERY, NO_ENVIRONMENT, ask, fields, may_not
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

OVERLAY = "k8s/overlays/prod"
PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: backend
spec:
  replicas: three
  "**[a](https://evil.test)**": 1
"""


async def validate(scene: Scene, who: str = "sora", **options: Any) -> InteractionResult:
    """Somebody uses /validate."""
    return await ask(scene, who, "validate", **{"environment": "prod", **options})


def push(scene: Scene, files: dict[str, str | None]) -> str:
    """Somebody pushes a change of the manifests."""
    world = scene.world
    return world.git.commit("main", files, message="feat: a patch", login="minji", at=world.timeline.after()).sha


def commit(scene: Scene, revision: str) -> str:
    """The line that says which commit was built."""
    subject = scene.world.git.find(revision).message.partition("\n")[0]
    return f"[{revision[:7]}]({expected.web(scene)}/commit/{revision}) {subject}"


async def test_a_good_overlay_is_shown_with_what_it_would_apply(scene: Scene) -> None:
    result = await validate(scene)
    revision = scene.world.git.head("main").sha
    assert seeing.answer(result) == seeing.Seen(
        title="prod · valid",
        text=expected.text(commit(scene, revision), "15 objects: 5 ConfigMap, 5 Deployment, 5 Service"),
        links=("Commit",),
        footer="schemas of Kubernetes 1.37 · 7 files in ⏱",
    )
    tags = scene.world.overlay("prod").tags
    assert fields(result) == {"Images": "\n".join(f"{name} `{tags[name]}`" for name in EVERY)}


async def test_what_is_wrong_is_told_with_links_to_the_lines_and_an_older_commit_is_still_good(scene: Scene) -> None:
    old = scene.world.git.head("main")
    overlay = old.tree[f"{OVERLAY}/kustomization.yaml"]
    patched = f"{overlay}patches: [{{path: patch.yaml}}]\n"
    new = push(scene, {f"{OVERLAY}/kustomization.yaml": patched, f"{OVERLAY}/patch.yaml": PATCH})

    answer = seeing.answer(await validate(scene))
    page = f"{expected.web(scene)}/blob/{new}/{OVERLAY}/patch.yaml"
    assert answer.title == "prod · 1 problem"
    assert answer.text == expected.text(
        commit(scene, new),
        f"❌ [{OVERLAY}/patch.yaml:7]({page}#L7) Deployment/backend `spec.**[a](https://evil.test)**`: "
        "there is no such field",
        "15 objects: 5 ConfigMap, 5 Deployment, 5 Service",
    )
    for revision in (old.sha, f" {old.sha[:9].upper()} "):
        assert seeing.answer(await validate(scene, revision=revision)).title == "prod · valid"


async def test_what_cannot_be_built_here_is_refused_with_the_line(scene: Scene) -> None:
    push(scene, {f"{OVERLAY}/kustomization.yaml": "kind: Kustomization\nresources:\n- https://evil.test/a.yaml\n"})
    assert seeing.told(await validate(scene)) == (
        "Refused",
        f"{SENTENCES[Reason.OVERLAY_NOT_LOCAL]} "
        f"`{OVERLAY}/kustomization.yaml:3 https://evil.test/a.yaml is not in this repository`",
    )


async def test_who_may_not_look_learns_nothing(scene: Scene, rows: Rows) -> None:
    asked = len(scene.github.requests)
    assert seeing.told(await validate(scene, "guest")) == ("Refused", may_not("prod:view"))
    assert seeing.told(await validate(scene, environment="nowhere")) == ("Refused", NO_ENVIRONMENT)
    assert seeing.told(await validate(scene, revision="main")) == ("Refused", SENTENCES[Reason.REVISION_UNKNOWN])
    assert [one.path for one in scene.github.requests[asked:] if "/git/" in one.path] == []
    assert seeing.answer(await validate(scene)).title == "prod · valid"
