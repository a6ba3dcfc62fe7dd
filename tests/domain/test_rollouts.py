"""Deployed has one meaning: every pod runs the image, ready, healthy, and nothing of before is left."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain import rollouts
from bot.domain.events import Health
from tests.domain.examples import OLD_TAG, image, pod, workload

OLD = image(OLD_TAG)
UNDONE: dict[str, dict[str, Any]] = {
    "the controller has not seen the newest spec": {"settled": False},
    "the Deployment asks for another image": {"live": OLD},
    "the Deployment has no image": {"live": None},
    "it is progressing": {"health": Health.PROGRESSING},
    "it is degraded": {"health": Health.DEGRADED},
    "nobody knows its health": {"health": Health.UNKNOWN},
    "it is scaled to zero": {"replicas": 0, "updated": 0, "available": 0, "total": 0, "pods": ()},
    "a pod is not updated": {"updated": 2},
    "a pod is not available": {"available": 2},
    "an old pod is left": {"total": 4},
    "it surges": {"replicas": 2},
    "a pod was not listed": {"pods": (pod(0), pod(1))},
    "a pod too many was listed": {"pods": (pod(0), pod(1), pod(2), pod(3))},
    "a pod is not ready": {"pods": (pod(0), pod(1), pod(2, ready=False))},
    "a pod runs the old image": {"pods": (pod(0), pod(1), pod(2, image=OLD))},
    "a pod is terminating and none took its place": {"pods": (pod(0), pod(1), pod(2, terminating=True))},
}


def test_all_conditions_together_mean_deployed() -> None:
    assert rollouts.is_deployed(workload(), image=image(), health_is_fresh=True)


@pytest.mark.parametrize("changes", UNDONE.values(), ids=UNDONE)
def test_each_missing_condition_means_not_deployed(changes: dict[str, Any]) -> None:
    assert not rollouts.is_deployed(workload(**changes), image=image(), health_is_fresh=True)


def test_health_from_before_the_sync_does_not_count() -> None:
    assert not rollouts.is_deployed(workload(), image=image(), health_is_fresh=False)


def test_another_image_is_not_the_one_asked_about() -> None:
    assert not rollouts.is_deployed(workload(), image=OLD, health_is_fresh=True)


def test_what_git_asks_for_meanwhile_changes_nothing_about_what_runs() -> None:
    assert rollouts.is_deployed(workload(desired=OLD, changed=True), image=image(), health_is_fresh=True)


def test_a_terminating_pod_beside_the_new_ones_does_not_hinder() -> None:
    leaving = pod(9, image=OLD, ready=False, terminating=True)

    assert rollouts.is_deployed(workload(pods=(*workload().pods, leaving)), image=image(), health_is_fresh=True)


def test_ready_counts_pods_that_are_ready_run_the_image_and_stay() -> None:
    pods = (pod(0), pod(1, ready=False), pod(2, image=OLD), pod(3, terminating=True), pod(4))

    assert rollouts.ready(workload(pods=pods), image=image()) == 2
    assert rollouts.ready(workload(pods=()), image=image()) == 0


def test_the_worst_reason_is_that_of_the_pod_that_restarted_most() -> None:
    crashing = pod(1, ready=False, restarts=5, reason="CrashLoopBackOff")
    pulling = pod(2, ready=False, restarts=0, reason="ImagePullBackOff")
    leaving = pod(3, ready=False, restarts=9, reason="Error", terminating=True)
    steady = pod(0, restarts=20)

    assert rollouts.worst_reason(workload(pods=(steady, pulling, crashing, leaving))) == "CrashLoopBackOff"
    assert rollouts.worst_reason(workload(pods=(pulling, pod(1, reason="Error")))) == "ImagePullBackOff"
    assert rollouts.worst_reason(workload(pods=(steady, leaving))) == ""


def test_who_looks_for_trouble_and_who_looks_for_a_crash_begin_with_different_pods() -> None:
    starting = replace(pod(0, ready=False), reason="ContainerCreating", restarts=0)
    crashed, quiet = replace(pod(1), restarts=4, last_exit="OOMKilled"), replace(pod(2), restarts=0)

    assert rollouts.worst_first((quiet, crashed, starting)) == [starting, crashed, quiet]
    assert rollouts.restarted_first((quiet, crashed, starting)) == [crashed, starting, quiet]
