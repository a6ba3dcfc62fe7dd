"""Which objects move with a service, and what counts as a change."""

import json
from typing import Any

from bot.adapters.argocd_resources import ManagedResource, managed_resources, services_of
from bot.domain.contents import Resource

SERVICES = ("auth", "auth-service", "backend", "ticket-service")
Json = dict[str, Any]


def item(
    kind: str,
    name: str,
    *,
    live: Json | None = None,
    target: Json | None = None,
    labels: Json | None = None,
    **more: Any,
) -> Json:
    """An entry of managed-resources; the target is predicted as it stands."""
    metadata = {"name": name, "labels": labels or {}}
    states = {
        "targetState": None if target is None else {"kind": kind, "metadata": metadata, **target},
        "liveState": None if live is None else {"kind": kind, "metadata": metadata, **live},
    }
    states |= {"normalizedLiveState": states["liveState"], "predictedLiveState": states["targetState"]}
    texts = {state: json.dumps(value) for state, value in states.items()}
    group = {"group": "apps"} if kind == "Deployment" else {}
    return {**group, "kind": kind, "namespace": "tiketi", "name": name, **texts, **more}


def deployment(name: str, pod: Json, **more: Any) -> Json:
    document = {"spec": {"template": {"spec": pod}}}
    return item("Deployment", name, live=document, target=document, **more)


def owners(*items: Json) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for entry in managed_resources(items, services=SERVICES):
        found.setdefault(f"{entry.resource.kind}/{entry.resource.name}", []).append(entry.service)
    return found


def test_a_label_names_the_service() -> None:
    assert owners(
        item("Service", "a", target={}, labels={"app.kubernetes.io/name": "backend", "app": "ticket-service"}),
        item("Service", "b", target={}, labels={"app": "ticket-service"}),
        item("Service", "c", target={}, labels={"app.kubernetes.io/name": "tiketi", "app": "backend"}),
        item("Service", "d", live={}, labels={"app": "backend"}),
    ) == {"Service/a": ["backend"], "Service/b": ["ticket-service"], "Service/c": ["backend"], "Service/d": ["backend"]}


def test_without_a_label_the_longest_fitting_name_does() -> None:
    assert owners(
        item("Ingress", "auth-service-public", target={}),
        item("Ingress", "auth-x", target={}),
        item("Ingress", "authority", target={}),
        item("Namespace", "tiketi", target={}, labels={"app": "tiketi"}),
    ) == {
        "Ingress/auth-service-public": ["auth-service"],
        "Ingress/auth-x": ["auth"],
        "Ingress/authority": [None],
        "Namespace/tiketi": [None],
    }


def test_what_a_deployment_refers_to_is_its_services() -> None:
    pod = {
        "initContainers": [{"name": "migrate", "envFrom": [{"configMapRef": {"name": "one"}}]}],
        "containers": [
            {
                "name": "backend",
                "envFrom": [{"secretRef": {"name": "two"}}],
                "env": [
                    {"name": "A", "value": "a"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "three", "key": "b"}}},
                    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "four", "key": "c"}}},
                ],
            }
        ],
        "volumes": [
            {"name": "a", "configMap": {"name": "five"}},
            {"name": "b", "secret": {"secretName": "six"}},
            {"name": "c", "projected": {"sources": [{"configMap": {"name": "seven"}}, {"secret": {"name": "eight"}}]}},
            {"name": "d", "emptyDir": {}},
        ],
    }
    config = [item("ConfigMap", name, target={}) for name in ("one", "three", "five", "seven", "other")]
    secret = [item("Secret", name, target={}) for name in ("two", "four", "six", "eight", "one")]
    found = owners(deployment("backend", pod), *config, *secret)
    assert {name: found[name] for name in found if found[name] == [None]} == {
        "ConfigMap/other": [None],
        "Secret/one": [None],
    }
    assert len([name for name in found if found[name] == ["backend"]]) == 9


def test_what_several_services_use_belongs_to_each() -> None:
    pod = {"containers": [{"envFrom": [{"configMapRef": {"name": "shared"}}]}]}
    items = [
        deployment("backend", pod),
        deployment("ticket-service", pod),
        item("ConfigMap", "shared", target={"data": {"a": "b"}}, labels={"app": "auth"}),
    ]
    assert owners(*items)["ConfigMap/shared"] == ["auth", "backend", "ticket-service"]
    assert [entry.changed for entry in managed_resources(items, services=SERVICES)] == [True, True, True, False, False]


def test_an_operation_covers_the_services_only_it_can_mean() -> None:
    pod = {"containers": [{"envFrom": [{"configMapRef": {"name": "shared"}}]}]}
    known = managed_resources(
        [
            deployment("backend", pod),
            deployment("web", pod, labels={"app": "auth"}),
            item("ConfigMap", "shared", target={}),
            item("Ingress", "public", target={}),
        ],
        services=SERVICES,
    )

    def covered(*named: tuple[str, str, str]) -> frozenset[str]:
        resources = [Resource(group=group, kind=kind, namespace="tiketi", name=name) for group, kind, name in named]
        return services_of(resources, resources=known, services=SERVICES)

    assert covered(("apps", "Deployment", "backend"), ("", "ConfigMap", "shared")) == {"backend"}
    assert covered(("apps", "Deployment", "web"), ("", "Ingress", "public")) == {"auth"}
    assert covered(("", "ConfigMap", "ticket-service-config-gone")) == {"ticket-service"}
    assert covered(("", "ConfigMap", "shared")) == frozenset()


def single(entry: Json) -> ManagedResource:
    (found,) = managed_resources([entry], services=SERVICES)
    return found


def test_what_the_cluster_writes_is_no_change() -> None:
    target: Json = {"spec": {"template": {}}}
    entry = item("Deployment", "backend", live=target, target=target)
    live = {"spec": {"template": {}, "replicas": 7}, "status": {"replicas": 7}, "metadata": {"resourceVersion": "9"}}
    scaled = {**entry, "normalizedLiveState": json.dumps(live)}
    scaled["predictedLiveState"] = json.dumps({**live, "status": {}, "metadata": {"generation": 2}})
    assert not single(entry).changed
    assert not single(scaled).changed
    assert single(scaled).state_digest == single(entry).state_digest


def test_creating_is_a_change_and_pruning_is_none() -> None:
    assert single(item("ConfigMap", "backend-config", target={"data": {}})).changed
    assert not single(item("ConfigMap", "backend-config", live={"data": {}})).changed
    assert not single(item("ConfigMap", "backend-config", live={"data": {}}, target={"data": {}})).changed


def test_a_list_is_one_value() -> None:
    one = single(item("ConfigMap", "backend-x", live={"a": [1, 2]}, target={"a": [2, 1]}))
    two = single(item("ConfigMap", "backend-x", live={"a": [1, 2]}, target={"a": [2, 3]}))
    assert one.changed
    assert two.changed
    assert one.state_digest != two.state_digest


def test_hooks_are_left_out() -> None:
    assert managed_resources([item("Job", "backend-migrate", target={}, hook=True), "odd"], services=SERVICES) == ()


def test_the_image_is_of_the_container_named_like_the_service() -> None:
    pod = {"containers": [{"name": "proxy", "image": "envoy:1"}, {"name": "backend", "image": "app:2"}]}
    other = {"containers": [{"name": "proxy", "image": "envoy:1"}, {"name": "web", "image": "app:2"}]}
    assert single(deployment("backend", pod)).desired_image == "app:2"
    assert single(deployment("backend", other)).live_image == "envoy:1"
    assert single(deployment("backend", {})).desired_image is None
    created = single(item("Deployment", "backend", target={"spec": {"template": {"spec": pod}}}))
    assert (created.desired_image, created.live_image) == ("app:2", None)
    assert single(item("StatefulSet", "backend", target={"spec": {"template": {"spec": pod}}})).desired_image is None
