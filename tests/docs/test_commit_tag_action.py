"""The manifest commit: one tag changes, nobody's push is lost or forced, on a real repository."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.docs.scripts import Finished, commit_tag, git, needs_tools, shallow_clone

pytestmark = needs_tools

OVERLAY = "k8s/overlays/prod"
TAG = "a1b2c3d-20260105-143022"
SERVICES = ("ticket", "ticket-service", "payment-service", "stats-service", "backend")
BEFORE = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../../base
# what runs
images:
- name: ticket
  newTag: "old"
- newTag: old   # written by the pipeline
  name: ticket-service
- name: 'payment-service'
  newName: registry.example.com/payment-service
  newTag: 'old'
- name: stats-service
  newTag: old
- name: backend
  newTag: old
- name: pinned
  newTag: older
  digest: sha256:aa
- {name: flowing, newTag: older}
- name: untagged
replicas:
- name: backend
  count: 2
"""


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository on a server, with one overlay."""
    origin = tmp_path / "origin.git"
    git("init", "--quiet", "--bare", "--initial-branch", "main", str(origin), directory=tmp_path)
    git("clone", "--quiet", str(origin), "seed", directory=tmp_path)
    file = tmp_path / "seed" / OVERLAY / "kustomization.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(BEFORE)
    git("add", ".", directory=tmp_path / "seed")
    git("commit", "--quiet", "--message", "first", directory=tmp_path / "seed")
    git("push", "--quiet", "origin", "HEAD:main", directory=tmp_path / "seed")
    return origin


async def commit(service: str, *, origin: Path) -> tuple[Finished, Path]:
    """What one workflow does, in a shallow clone of its own."""
    clone = shallow_clone(origin, below=origin.parent)
    return await commit_tag(clone, service, tag=TAG, overlay=OVERLAY, branch="main", environment="prod"), clone


def overlay(origin: Path) -> str:
    return git("show", f"main:{OVERLAY}/kustomization.yaml", directory=origin)


def subjects(origin: Path) -> list[str]:
    return git("log", "--format=%s", "main", directory=origin).splitlines()


async def test_five_workflows_at_the_same_second_lose_nothing(origin: Path) -> None:
    ended = await asyncio.gather(*(commit(service, origin=origin) for service in SERVICES))

    assert [finished.code for finished, _ in ended] == [0] * 5
    assert sorted(subjects(origin)) == sorted(["first", *(f"prod: Deploy {service} {TAG}" for service in SERVICES)])
    assert overlay(origin) == re.sub(r"""newTag: (['"]?)old\1(?=\s)""", f"newTag: {TAG}", BEFORE)


async def test_the_output_is_the_commit_that_asks_for_the_tag(origin: Path) -> None:
    finished, clone = await commit("backend", origin=origin)

    assert finished.code == 0
    revision = git("rev-parse", "main", directory=origin).strip()
    assert clone.with_suffix(".output").read_text() == f"revision={revision}\n"
    assert git("log", "-1", "--format=%an <%ae>", "main", directory=origin).strip() == (
        "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"
    )


async def test_the_checkout_of_the_workflow_stays_as_it_was(origin: Path) -> None:
    _, clone = await commit("backend", origin=origin)

    assert git("status", "--short", directory=clone) == ""
    assert (clone / OVERLAY / "kustomization.yaml").read_text() == BEFORE
    assert len(git("worktree", "list", directory=clone).splitlines()) == 1


async def test_a_tag_that_stands_there_already_needs_no_commit(origin: Path) -> None:
    await commit("backend", origin=origin)
    finished, clone = await commit("backend", origin=origin)

    assert finished.code == 0
    assert subjects(origin) == [f"prod: Deploy backend {TAG}", "first"]
    assert clone.with_suffix(".output").read_text().endswith(f"{git('rev-parse', 'main', directory=origin).strip()}\n")


@pytest.mark.parametrize("service", ["nobody", "pinned", "flowing", "untagged", "ticket-"])
async def test_what_cannot_be_changed_safely_is_left_alone(origin: Path, service: str) -> None:
    finished, _ = await commit(service, origin=origin)

    assert finished.code == 1
    assert f"has not exactly one entry of images named {service} " in finished.output
    assert overlay(origin) == BEFORE
