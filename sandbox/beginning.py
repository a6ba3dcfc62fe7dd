"""The hour before a world begins: the first commits and images, everything deployed once, everybody told of it.

A world that starts empty would make the bot's first looks at it the special case. This one starts like a system that
has been running: every image tag begins with a commit that exists, every Application has one operation behind it.
"""

import copy
import posixpath
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.topology import Topology
from sandbox import manifests
from sandbox.applications import Application
from sandbox.git import digest
from sandbox.manifests import Json, Overlay
from sandbox.timeline import rfc3339

if TYPE_CHECKING:  # The world calls this module to fill itself.
    from sandbox.world import World

AGE = timedelta(hours=1)
BOT = "github-actions[bot]"
REPLICAS = {"dev": 1, "staging": 2}
MORE_REPLICAS = 3
RETRY = {"limit": 3, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m0s"}}


def branches(topology: Topology) -> list[str]:
    """Every branch that an environment follows, the repository's default branch first."""
    return sorted({place.branch for place in topology.environments.values()}, key=lambda name: (name != "main", name))


def deploy_everything(world: "World") -> None:
    """Fill an empty world: one image of every service, in every environment, an hour ago."""
    tag = _commit_and_build(world)
    _commit_overlays(world, tag)
    for environment in world.topology.environments:
        _create_application(world, environment)
        world.controller.refresh(world.application(environment))
        world.operate(environment)
    while not world.idle:
        world.tick()
    world.notices.clear()
    world.syncs.clear()
    world.timeline.past = timedelta(0)


def _commit_and_build(world: "World") -> str:
    default, *others = branches(world.topology)
    files = {f"{service.directory}/src/server.js": "// 0\n" for service in world.topology.services.values()}
    first = world.git.commit(default, files, message="feat: tiketi", login="minji", at=world.timeline.after())
    world.git.branches.update(dict.fromkeys(others, first.sha))
    tag = world.tag_of(first.sha)
    for service in world.topology.services:
        for environment, place in world.topology.environments.items():
            if place.pipeline:
                world.push_image(service, environment, revision=first.sha, tag=tag)
    return tag


def _commit_overlays(world: "World", tag: str) -> None:
    topology = world.topology
    images = {name: f"{topology.registry}/{service.image}" for name, service in topology.services.items()}
    overlays: dict[str, str | None] = {
        f"{place.overlay}/kustomization.yaml": manifests.write(
            Overlay(
                namespace=place.namespace,
                replicas=REPLICAS.get(name, MORE_REPLICAS),
                images=images,
                tags=dict.fromkeys(images, tag),
                config={service: {"LOG_LEVEL": "info"} for service in images},
            )
        )
        for name, place in topology.environments.items()
    }
    base = manifests.base(topology.services)
    for place in topology.environments.values():
        below = posixpath.normpath(f"{place.overlay}/../../base")
        overlays |= {f"{below}/{name}": text for name, text in base.items()}
    default, *others = branches(topology)
    at = world.timeline.after()
    last = world.git.commit(default, overlays, message=f"chore: all services {tag}", login=BOT, at=at)
    world.git.branches.update(dict.fromkeys(others, last.sha))


def _create_application(world: "World", environment: str) -> None:
    place = world.topology.environments[environment]
    uid = digest(place.application)
    policy: Json = {"syncOptions": ["CreateNamespace=true"], "retry": copy.deepcopy(RETRY)}
    if place.automated:
        policy["automated"] = {"prune": True, "selfHeal": True}
    now = rfc3339(world.timeline.now())
    world.applications[place.application] = Application(
        name=place.application,
        environment=environment,
        uid=f"{uid[:8]}-{uid[8:12]}-4{uid[13:16]}-a{uid[17:20]}-{uid[20:32]}",
        created=now,
        spec={
            "source": {
                "repoURL": f"https://github.com/{world.topology.repository}.git",
                "path": place.overlay,
                "targetRevision": place.branch,
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": place.namespace},
            "project": world.topology.project,
            "syncPolicy": policy,
        },
        health={"status": "Missing", "lastTransitionTime": now},
    )
