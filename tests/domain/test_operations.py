"""What people consent to has a fingerprint: the same for the same content, another for any other."""

from dataclasses import fields, replace
from typing import Any

import pytest

from bot.domain.contents import Content, ImageChange, Resource
from bot.domain.operations import OPEN, WORKABLE, OperationState
from tests.domain.examples import ELSEWHERE, content, image

DEPLOYMENT = Resource(group="apps", kind="Deployment", namespace="tiketi", name="ticket-service")
CONFIG = Resource(group="", kind="ConfigMap", namespace="tiketi", name="ticket-service-c8kf2h9d4m")
DIFFERENT: dict[str, Any] = {
    "uid": "u-2",
    "revision": ELSEWHERE,
    "source_digest": "another source",
    "images": (ImageChange(service="ticket-service", old=None, new=image("a1b2c3d-20260105-143131")),),
    "everything": True,
    "resources": (DEPLOYMENT, CONFIG),
    "diff_digest": "another diff",
}


def test_the_digest_is_the_same_in_every_process_and_version() -> None:
    assert content().digest == "81eefe302605807a6c1ea2cc3a0838d4cbd8636b94eb91f5a2a8cf2695057f11"
    assert content(resources=(DEPLOYMENT,)).digest == content().digest


def test_the_image_behind_a_tag_is_part_of_it_and_what_was_never_looked_up_keeps_its_digest() -> None:
    [change] = content().images
    shown, other = (content(images=(replace(change, digest=f"sha256:{one * 64}"),)) for one in "ab")

    assert len({content().digest, shown.digest, other.digest}) == 3
    assert shown.same_effect(replace(shown, revision=ELSEWHERE))
    assert not shown.same_effect(other)
    assert not content().same_effect(shown)


def test_every_field_has_another_value_here() -> None:
    assert set(DIFFERENT) == {field.name for field in fields(Content)}


@pytest.mark.parametrize("field", DIFFERENT)
def test_the_digest_tells_any_difference(field: str) -> None:
    assert content(**{field: DIFFERENT[field]}).digest != content().digest


@pytest.mark.parametrize("part", ["group", "kind", "namespace", "name"])
def test_the_digest_tells_any_difference_of_a_resource(part: str) -> None:
    other = Resource(**{"group": "apps", "kind": "Deployment", "namespace": "tiketi", "name": "x", part: "other"})
    same = Resource(group="apps", kind="Deployment", namespace="tiketi", name="x")

    assert content(resources=(other,)).digest != content(resources=(same,)).digest


@pytest.mark.parametrize("field", DIFFERENT)
def test_another_commit_with_the_same_effect_is_the_same_deploy(field: str) -> None:
    other = content(**{field: DIFFERENT[field]})

    assert content().same_effect(other) is (field == "revision")
    assert other.same_effect(content()) is (field == "revision")


def test_a_state_is_open_or_ended_and_a_worker_works_on_all_open_ones_but_waiting() -> None:
    ended = {state for state in OperationState if state.ended}

    assert ended == {
        OperationState.SUCCEEDED,
        OperationState.FAILED,
        OperationState.REFUSED,
        OperationState.REJECTED,
        OperationState.WITHDRAWN,
        OperationState.EXPIRED,
        OperationState.SUPERSEDED,
    }
    assert set(OperationState) - ended == OPEN
    assert {OperationState.WAITING} == OPEN - WORKABLE
