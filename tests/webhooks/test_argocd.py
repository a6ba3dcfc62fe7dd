"""Argo CD's notifications: a hint about an Application of ours, or nothing."""

import json
from typing import Any

import pytest

from bot.domain.catalog import Catalog
from bot.domain.events import ApplicationHinted, Unusable
from bot.topology import Topology
from bot.webhooks import argocd
from sandbox import bodies
from sandbox.world import World
from tests.webhooks.doors import NOON

HEADERS = {"content-type": "application/json"}
NOTICE = {"schema": 1, "app": "tiketi-prod", "uid": "6f0e", "project": "tiketi", "sync": "OutOfSync"}


def encoded(**changes: Any) -> bytes:
    return json.dumps({**NOTICE, **changes}).encode()


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_a_notification_hints_at_the_environment_of_its_application(catalog: Catalog, environment: str) -> None:
    body = encoded(app=f"tiketi-{environment}")
    assert argocd.parse(HEADERS, body, catalog=catalog) == (ApplicationHinted(environment=environment),)


async def test_what_the_template_of_the_set_up_renders_is_understood(topology: Topology, catalog: Catalog) -> None:
    world = World(topology, clock=lambda: NOON)
    world.release("staging", "backend")
    await world.settle()
    body = json.dumps(bodies.argocd(world.notices[0].document)).encode()
    assert argocd.parse(HEADERS, body, catalog=catalog) == (ApplicationHinted(environment="staging"),)


@pytest.mark.parametrize("changes", [{"project": "default"}, {"app": "somebody-elses"}, {"app": ""}])
def test_applications_of_others_say_nothing(catalog: Catalog, changes: dict[str, str]) -> None:
    assert argocd.parse(HEADERS, encoded(), catalog=catalog) != ()
    assert argocd.parse(HEADERS, encoded(**changes), catalog=catalog) == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (encoded(schema=2), "The schema is not 1."),
        (b"{}", "The schema is not 1."),
        (encoded(app=None), "The names of the Application and its project are missing."),
        (encoded(project=["tiketi"]), "The names of the Application and its project are missing."),
        (b'{"schema":1,"app":"<no value>', "The body is not JSON."),
    ],
)
def test_what_is_not_the_template_is_unusable(catalog: Catalog, body: bytes, reason: str) -> None:
    with pytest.raises(Unusable) as caught:
        argocd.parse(HEADERS, body, catalog=catalog)
    assert str(caught.value) == reason
