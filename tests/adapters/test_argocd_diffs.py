"""What a sync would change, as people read it: complete, bounded, and without a secret in it."""

import json
from typing import Any

import pytest

from bot.adapters import argocd_diffs
from bot.adapters.argocd import ArgoCD
from bot.domain import images
from bot.domain.inspections import Change
from sandbox.world import World
from tests.adapters.conftest import PROD, Scripted, paths

SERVICES = ("backend", "auth-service")


def item(kind: str, name: str, *, target: Any, live: Any, hook: bool = False) -> dict[str, Any]:
    """One object as Argo CD compares it, where nothing but the target changes."""
    states = {"targetState": target, "liveState": live, "normalizedLiveState": live, "predictedLiveState": target}
    reference = {"group": "", "kind": kind, "namespace": "tiketi", "name": name, "hook": hook}
    return {**reference, **{state: json.dumps(value) for state, value in states.items()}}


def config(**data: str) -> dict[str, Any]:
    """A ConfigMap of backend."""
    metadata = {"name": "backend-config", "labels": {"app.kubernetes.io/name": "backend"}, "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_a_release_changes_one_line(argocd: ArgoCD, server: Scripted, world: World) -> None:
    old = world.deployment("prod", "backend").image
    released = world.release("prod", "backend")
    world.tick()
    server.requests.clear()
    found = await argocd.diff(PROD)
    assert paths(server) == ["", "/managed-resources", ""]
    assert found.revision == released.manifest.sha
    [only] = found.resources
    assert (only.change, only.services, only.resource.name) == (Change.CHANGED, frozenset({"backend"}), "backend")
    moved = [line.strip() for line in only.text.splitlines() if line.startswith(("+", "-"))]
    assert moved == [f"-        image: {old}", f"+        image: {old.rpartition(':')[0]}:{released.tag}"]


async def test_another_commit_is_compared_with_what_runs(argocd: ArgoCD, world: World) -> None:
    earlier = world.application("prod").revision
    released = world.release("prod", "backend")
    world.tick()
    world.operate("prod")
    await world.settle()
    assert (await argocd.diff(PROD)).resources == ()

    found = await argocd.diff(PROD, revision=earlier)
    assert (found.revision, [one.resource.name for one in found.resources]) == (earlier, ["backend"])
    assert f"-        image: {world.deployment('prod', 'backend').image}" in found.resources[0].text

    read = await argocd.read(PROD, revision=earlier)
    changed = [entry for entry in read.resources if entry.changed]
    assert (read.revision, [entry.resource.name for entry in changed]) == (earlier, ["backend"])
    assert (changed[0].live_image or "").endswith(released.tag)


@pytest.mark.parametrize("newer", [False, True], ids=["in sync", "behind Git"])
async def test_what_a_tag_would_change_is_what_its_commit_changes(argocd: ArgoCD, world: World, *, newer: bool) -> None:
    running = images.parse(world.deployment("prod", "backend").image)
    tag = world.release("prod", "backend").tag
    world.tick()
    world.operate("prod")
    await world.settle()  # what was running before is an older tag now
    if newer:
        world.release("prod", "backend")
        world.release("prod", "auth-service")
        world.tick()

    before = await argocd.read(PROD, image=running)
    world.commit_tag("backend", "prod", tag=running.tag or "")
    world.tick()
    after = await argocd.read(PROD)

    changes = [
        (entry.resource.name, entry.desired_image, entry.state_digest) for entry in before.resources if entry.changed
    ]
    assert changes == [
        (entry.resource.name, entry.desired_image, entry.state_digest) for entry in after.resources if entry.changed
    ]
    assert ("backend", str(running)) in [change[:2] for change in changes]
    assert tag != running.tag
    assert len(changes) == 1 + newer


def pod(**variables: str) -> dict[str, Any]:
    """A Deployment of backend with these variables, in the order of their names."""
    env = [{"name": name, "value": value} for name, value in sorted(variables.items())]
    metadata = {"name": "backend", "labels": {"app.kubernetes.io/name": "backend"}}
    spec = {"template": {"spec": {"containers": [{"name": "backend", "image": "x:1", "env": env}]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def test_variables_that_are_named_like_secrets_show_only_that_they_change() -> None:
    live = pod(DB_PASSWORD="hunter2", API_TOKEN="same", LOG_LEVEL="info")
    target = pod(DB_PASSWORD="hunter3", API_TOKEN="same", LOG_LEVEL="debug")
    [found] = argocd_diffs.resource_diffs([item("Deployment", "backend", target=target, live=live)], services=SERVICES)
    changed = [line.split()[-1] for line in found.text.splitlines() if line.startswith(("+", "-"))]
    assert changed == ["<hidden>", "changed>", "info", "debug"]
    assert "hunter" not in found.text
    assert "same" not in found.text


def moved(target: Any, live: Any) -> list[str]:
    """The lines that change, without their margins."""
    [found] = argocd_diffs.resource_diffs([item("ConfigMap", "backend", target=target, live=live)], services=SERVICES)
    return [f"{line[0]} {line[1:].strip()}" for line in found.text.splitlines() if line.startswith(("+", "-"))]


def test_of_a_flag_its_argument_is_hidden() -> None:
    old, new = pod(), pod()
    for deployment, secret in ((old, "hunter2"), (new, "hunter3")):
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        container["args"] = ["--password", secret, f"--api-key={secret}", "--token", "--user", "me", "$(DB_PASSWORD)"]
    assert moved(new, old) == ["- - [hidden]", "- - --api-key=[hidden]", "+ - [hidden]", "+ - --api-key=[hidden]"]


def test_what_only_refers_to_a_secret_is_shown() -> None:
    old, new = pod(), pod(DB_PASSWORD_FILE="/run/secrets/db")
    new["spec"]["template"]["spec"] |= {
        "automountServiceAccountToken": False,
        "imagePullSecrets": [{"name": "ecr"}],
        "tokenExpirationSeconds": 3600,
        "volumes": [{"name": "tls", "secret": {"secretName": "backend-tls"}}],
    }
    shown = "\n".join(moved(new, old))
    assert all(
        text in shown for text in ("/run/secrets/db", ": false", "name: ecr", ": 3600", "secretName: backend-tls")
    )
    assert "hidden" not in shown


def test_a_text_with_a_secret_in_it_is_hidden_however_yaml_writes_it() -> None:
    new = config(
        folded="word " * 21 + "password: hunter2 end", password="one\nhunter2\n", nested="token=hunter2\na=1\n"
    )
    shown = "\n".join(moved(new, config()))
    assert "hunter2" not in shown
    assert "+ password: [hidden]" in shown
    assert "+ a=1" in shown


def test_a_note_on_a_secret_is_looked_at_like_any_other() -> None:
    secret = {
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": {"note": "password=hunter2"}},
        "data": {"a": "x"},
    }
    [one] = argocd_diffs.resource_diffs([item("Secret", "s", target=secret, live=None)], services=SERVICES)
    assert "+    note: password=[hidden]" in one.text
    assert "+  a: <hidden, changed>" in one.text


def test_a_key_of_which_the_difference_shows_the_middle_or_the_end_is_hidden() -> None:
    def key(changed: str) -> str:
        lines = [letter * 64 for letter in f"abcdef{changed}ghijkl"]
        return "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----\n"])

    assert moved(config(a=key("x")), config(a=key("y"))) == ["- [hidden]", "+ [hidden]"]
    [found] = argocd_diffs.resource_diffs(
        [item("ConfigMap", "backend", target=config(a=key("x"), b="2"), live=config(a=key("x"), b="1"))],
        services=SERVICES,
    )
    assert "l" * 64 not in found.text
    assert [line for line in found.text.splitlines() if line[0] in "+-"] == ["-  b: '1'", "+  b: '2'"]


def test_a_key_in_a_config_map_is_hidden_whole() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "a" * 64 + "\n" + "b" * 64 + "\n-----END PRIVATE KEY-----\n"
    changed = item("ConfigMap", "backend-config", target=config(key=key, port="2"), live=config(key="", port="1"))
    [found] = argocd_diffs.resource_diffs([changed], services=SERVICES)
    assert "a" * 20 not in found.text
    assert "b" * 20 not in found.text
    assert "port: '2'" in found.text


def test_created_changed_and_pruned_are_told_apart_and_hooks_are_none() -> None:
    found = argocd_diffs.resource_diffs(
        [
            item("ConfigMap", "new", target=config(a="1"), live=None),
            item("ConfigMap", "old", target=None, live=config(a="1")),
            item("ConfigMap", "other", target=config(a="2"), live=config(a="1")),
            item("ConfigMap", "same", target=config(a="1"), live=config(a="1")),
            item("Job", "migrate", target=config(a="1"), live=None, hook=True),
        ],
        services=SERVICES,
    )
    assert {one.resource.name: one.change for one in found} == {
        "new": Change.CREATED,
        "old": Change.PRUNED,
        "other": Change.CHANGED,
    }
    [other] = [one for one in found if one.resource.name == "other"]
    assert [line for line in other.text.splitlines() if line[0] in "+-"] == ["-  a: '1'", "+  a: '2'"]
    assert "resourceVersion" not in other.text


def test_the_values_of_a_secret_are_hidden_and_changed_ones_are_marked() -> None:
    def secret(**data: str) -> dict[str, Any]:
        applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(data)}
        return {"kind": "Secret", "metadata": {"name": "s", "annotations": applied}, "data": data}

    old, new = secret(password="aHVudGVyMg==", user="bWU="), secret(password="c3dvcmRmaXNo", user="bWU=", key="azE=")
    [one] = argocd_diffs.resource_diffs([item("Secret", "s", target=new, live=old)], services=SERVICES)
    assert not any(value in one.text for value in ("aHVudGVyMg", "c3dvcmRmaXNo", "bWU=", "azE="))
    assert [line for line in one.text.splitlines() if line[0] in "+-"] == [
        "-  password: <hidden>",
        "+  key: <hidden, changed>",
        "+  password: <hidden, changed>",
    ]


def test_a_password_in_an_ordinary_object_is_hidden_too() -> None:
    [one] = argocd_diffs.resource_diffs(
        [item("ConfigMap", "c", target=config(DATABASE_PASSWORD="swordfish"), live=config())], services=SERVICES
    )
    assert "swordfish" not in one.text
    assert "DATABASE_PASSWORD: [hidden]" in one.text


def test_it_is_bounded() -> None:
    many = [item("ConfigMap", f"c-{n}", target=config(a="x" * 2000), live=config()) for n in range(300)]
    found = argocd_diffs.resource_diffs(many, services=SERVICES)
    assert len(found) == argocd_diffs.MOST_OBJECTS
    assert sum(len(one.text) for one in found) < argocd_diffs.MOST_TEXT + 300 * len(argocd_diffs.LEFT_OUT)
    assert found[-1].text == argocd_diffs.LEFT_OUT
