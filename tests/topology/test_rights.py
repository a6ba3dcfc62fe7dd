"""Who may what, as the topology file says it: for an environment, for one service, and for whom consent needs."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot import topology
from bot.domain.approvals import Group
from bot.domain.permissions import Capability
from tests.topology.small import SMALL, changed, problems, with_roles


def test_the_glass_can_be_broken_only_where_a_role_may(file: Path) -> None:
    def breakable() -> dict[str, frozenset[int]]:
        return {name: place.break_glass for name, place in topology.load(file).catalog().environments.items()}

    file.write_text(SMALL)
    before = breakable()
    file.write_text(SMALL.replace("prod: {approve: [4]}", "prod: {approve: [4], break_glass: [3]}"))
    somewhere = breakable()
    file.write_text(SMALL.replace("prod: {approve: [4]}", "prod: {approve: [4], break_glass: []}"))

    assert before == dict.fromkeys(before, frozenset()) == breakable()
    assert somewhere == before | {"prod": {3}}


def test_a_right_can_be_granted_for_one_service(file: Path) -> None:
    file.write_text(
        with_roles(
            "  prod: {approve: [4]}\n"
            "  prod/api: {approve: [5], break_glass: [5], deploy: [6], rollback: [6], restart: [6], rerun: [6]}\n"
            "  '*/web': {approve: [7], logs: [6], lock: [6], freeze: [6]}\n"
        )
    )
    loaded = topology.load(file)
    prod, policy = loaded.catalog().environments["prod"], loaded.policy(guild_id=9)

    assert [prod.approvers_of(one) for one in ("api", "web", None)] == [{4, 5}, {4, 7}, {4}]
    assert [prod.breakers_of(one) for one in ("api", "web", None)] == [{5}, set(), set()]
    staging = loaded.catalog().environments["staging"]
    assert [staging.approvers_of(one) for one in ("api", "web", None)] == [set(), {7}, set()]
    assert policy.roles(Capability.DEPLOY, environment="prod", service="api") == {3, 6}
    assert policy.roles(Capability.DEPLOY, environment="prod") == {3}
    assert policy.roles(Capability.LOCK, environment="staging", service="web") == {6}


@pytest.mark.parametrize(
    "roles",
    [
        "  prod/api: {approve: [4]}\n  prod/web: {approve: [5]}\n",  # Nobody approves a deploy of all.
        "  '*/api': {approve: [4]}\n  prod/web: {approve: [5]}\n  '*/web': {}\n",
        "  prod: {approve: [4], stop: [4]}\n  staging: {stop: [5]}\n",  # Whoever has both roles stops everything.
        "  prod: {approve: [4], stop: []}\n",
    ],
)
def test_what_leaves_something_to_nobody_on_purpose_is_right(file: Path, roles: str) -> None:
    file.write_text(with_roles(roles))

    assert topology.load(file).roles


def test_wrong_places_are_told_with_their_lines(file: Path) -> None:
    text = with_roles(
        "  prod: {approve: [4]}\n  prod/chat: {deploy: [5]}\n  prod/api:\n    deploy: [5]\n    view: [5]\n"
        "  live/api: {deploy: [5]}\n  staging: {stop: [5]}\n"
    )

    assert problems(file, text) == [
        "topology.yaml:24: roles.prod/chat: is not a service there; the services are api, web",
        "topology.yaml:27: roles.prod/api.view: is about environments, and cannot be granted for one service",
        "topology.yaml:28: roles.live/api: is not an environment; there are staging, prod and *",
        "topology.yaml:29: roles.staging.stop: lets nobody stop anything: that needs stop in every environment, and "
        "prod has none",
    ]


def test_each_group_has_somebody_for_each_service_that_can_be_approved(file: Path) -> None:
    groups = "automated: false\n    approval: {required: 2, groups: {release: [4], security: [5, 6]}}"
    roles = "  prod: {approve: [4]}\n  prod/api: {approve: [5]}\n  prod/web: {approve: [%s]}\n"
    text = with_roles(roles).replace("automated: false", groups)

    file.write_text(text % 6)
    assert topology.load(file).catalog().environments["prod"].approvers_of("web") == {4, 6}
    assert problems(file, (text % 4).replace("[5, 6]", "[5]")) == [
        "topology.yaml:21: environments.prod.approval.groups.security: has no role with approve for web, whose deploys "
        "need it"
    ]


def test_commands_can_be_hidden_without_a_permission_of_discord(file: Path) -> None:
    found = []
    for more in ("", "hide_commands_without: manage_messages\n", "hide_commands_without: administrator\n"):
        file.write_text(SMALL + more)
        found.append(topology.load(file).hide_commands_without)

    assert found == [None, "manage_messages", "administrator"]
    assert problems(file, SMALL + "hide_commands_without: manage_mesages\n") == [
        "topology.yaml:24: hide_commands_without: is not a permission of Discord, such as manage_messages"
    ]


def test_an_approval_can_need_somebody_of_several_groups(file: Path) -> None:
    asked = "approval: {required: 2, groups: {release: [4], security: [3, 4]}, escalate: 6, expires_minutes: 30}"
    text = changed("automated: false", f"automated: false\n    {asked}").replace("approve: [4]", "approve: [4, 3]")
    file.write_text(text)

    prod = topology.load(file).catalog().environments["prod"]

    assert prod.approval_groups == (
        Group(name="release", roles=frozenset({4})),
        Group(name="security", roles=frozenset({3, 4})),
    )
    assert (prod.required_approvals, prod.approvers, prod.escalate) == (2, frozenset({3, 4}), 6)
    assert prod.approval_lifetime == timedelta(minutes=30)


def test_unknown_authors_are_refused_unless_it_says_that_they_are_told_of(file: Path) -> None:
    def refusing() -> tuple[bool, bool]:
        prod = topology.load(file).catalog().environments["prod"]
        return prod.refuse_unknown, prod.refuse_unsure

    file.write_text(SMALL)
    found = [refusing()]
    for wanted in (
        "{}",
        *(f"{{unknown_authors: {one}}}" for one in ("tell", "refuse", "refuse_unsure")),
        "{required: 0}",
    ):
        file.write_text(changed("automated: false", f"automated: false\n    approval: {wanted}"))
        found.append(refusing())
    assert found == [(True, False), (True, False), (False, False), (True, False), (True, True), (True, False)]
