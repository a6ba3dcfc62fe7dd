"""Every place of the file where a Discord id stands refuses what is no id, and says where and what is wrong with it."""

import json
from pathlib import Path

import pytest

from bot import topology
from tests.topology.small import problems

GOOD, LARGEST = 7, 2**63 - 1
FULL = """\
repository: acme/shop
project: shop
registry: registry.example.com
channels:
  releases: {releases}
  alerts: {alerts}
  audit: {audit}
services:
  api: {{directory: api, image: shop-api, workflow: api.yml}}
environments:
  prod:
    branch: main
    application: shop-prod
    overlay: k8s/prod
    namespace: shop
    automated: false
    mention: {mention}
    approval:
      escalate: {escalate}
      groups: {{release: [{group}]}}
roles:
  "*": {{view: [3, {everywhere}]}}
  prod: {{approve: [7, 8, {prod}]}}
  prod/api: {{deploy: [{service}]}}
  "*/api": {{rollback: [3, 4, {each}]}}
identities:
  - {{discord: 5, github: octocat}}
  - {{discord: {person}, github: hubot}}
"""
PLACES = {
    "releases": (5, "channels.releases"),
    "alerts": (6, "channels.alerts"),
    "audit": (7, "channels.audit"),
    "mention": (17, "environments.prod.mention"),
    "escalate": (19, "environments.prod.approval.escalate"),
    "group": (20, "environments.prod.approval.groups.release[0]"),
    "everywhere": (22, "roles.*.view[1]"),
    "prod": (23, "roles.prod.approve[2]"),
    "service": (24, "roles.prod/api.deploy[0]"),
    "each": (25, "roles.*/api.rollback[2]"),
    "person": (28, "identities[1].discord"),
}
TOO_LARGE, TOO_SMALL, NO_NUMBER = (
    f"should be less than {2**63}",
    "should be greater than 0",
    "should be a valid integer",
)
BAD = {
    str(2**63): TOO_LARGE,
    str(2**64): TOO_LARGE,
    "9" * 25: TOO_LARGE,
    "0": TOO_SMALL,
    "-1": TOO_SMALL,
    f"-{2**63}": TOO_SMALL,
    "general": NO_NUMBER,
    "'100000000000000001'": NO_NUMBER,
    "'<@&100000000000000001>'": NO_NUMBER,
    "''": NO_NUMBER,
    "true": NO_NUMBER,
    "7.0": NO_NUMBER,
    "1.0e+18": NO_NUMBER,
    ".inf": NO_NUMBER,
    "\uff11\uff10": NO_NUMBER,  # digits of another width
    "\u0663": NO_NUMBER,
    "2026-08-22": NO_NUMBER,
    "[7]": NO_NUMBER,
    "{id: 7}": NO_NUMBER,
}


def full(**changes: object) -> str:
    """A file with an id in every place there is."""
    return FULL.format(**(dict.fromkeys(PLACES, GOOD) | changes))


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_id_is_refused_where_it_stands(file: Path, place: str, value: str) -> None:
    line, path = PLACES[place]

    assert problems(file, full(**{place: value})) == [f"topology.yaml:{line}: {path}: {BAD[value]}"]


def test_all_of_them_are_told_at_once(file: Path) -> None:
    assert problems(file, full(**dict.fromkeys(PLACES, "-5"))) == [
        f"topology.yaml:{line}: {path}: {TOO_SMALL}" for line, path in PLACES.values()
    ]


@pytest.mark.parametrize("place", ["releases", "person"])
def test_a_number_that_python_itself_refuses_is_told_by_its_line(file: Path, place: str) -> None:
    [found] = problems(file, full(**{place: "9" * 5000}))

    assert found.startswith(f"topology.yaml:{PLACES[place][0]}: Exceeds the limit (4300 digits)")


@pytest.mark.parametrize("place", [one for one in PLACES if one != "group"])  # a group has those who may approve
def test_the_largest_and_the_smallest_id_are_taken(file: Path, place: str) -> None:
    for value in (1, LARGEST):
        file.write_text(full(**{place: value}))
        assert topology.load(file).project == "shop"


def test_no_place_is_forgotten() -> None:
    schema = json.loads(topology.schema())
    classes = {**schema["$defs"], "Topology": schema}.items()
    fields = [(name, field, shape) for name, one in classes for field, shape in one.get("properties", {}).items()]

    assert sorted(f"{name}.{field}" for name, field, shape in fields if str(2**63) in json.dumps(shape)) == [
        "Approval.escalate",
        "Approval.groups",
        "Channels.alerts",
        "Channels.audit",
        "Channels.releases",
        "Environment.mention",
        "Identity.discord",
        "Topology.roles",
    ]
