"""What has the right shape and contradicts itself is told, each with its place."""

from pathlib import Path

import pytest

from tests.topology.small import changed, problems


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("  prod: {approve", "  live: {approve", "roles.live: is not an environment; there are staging, prod and *"),
        (
            "branch: main",
            "branch: develop",
            "environments.prod.branch: pipeline environments must have different branches; "
            "develop already belongs to environments.staging",
        ),
        (
            "shop-prod",
            "shop-staging",
            "environments.prod.application: main/shop-staging already belongs to environments.staging",
        ),
        (
            "shop-prod",
            "shop-prod\n    argocd: laptop",
            "environments.prod.argocd: is not an Argo CD; there are main",
        ),
        (
            "roles:",
            "argocd: {main: {url: 'http://argocd.test'}}\nroles:",
            "argocd.main: is the name of the Argo CD of the settings; choose another one",
        ),
        ("web.yml", "api.yml", "services.web.workflow: api.yml already belongs to services.api"),
        ("shop-web", "shop-api", "services.web.image: shop-api already belongs to services.api"),
        (
            "automated: true",
            "automated: true\n    approval: {}",
            "environments.staging.approval: cannot be asked for where Argo CD syncs by itself (automated)",
        ),
        (
            "approve: [4]",
            "approve: []",
            "environments.prod: needs approval, but no role has approve in roles.prod or roles.*",
        ),
        (
            "automated: false",
            "automated: false\n    approval: {groups: {release: [4], security: [4]}}",
            "environments.prod.approval.required: is 1, but the groups need 2 people, since one person stands for one "
            "group",
        ),
        (
            "automated: false",
            "automated: false\n    approval: {groups: {release: [4, 5]}}",
            "environments.prod.approval.groups.release: has a role without approve in roles.prod or roles.*: 5",
        ),
        (
            "automated: false",
            "automated: false\n    approval: {required: 0, unknown_authors: refuse}",
            "environments.prod.approval.unknown_authors: cannot be refuse, because nobody has to agree (required: 0)",
        ),
        (
            "prod: {approve: [4]}",
            "prod: {approve: [4]}\n  prod/chat: {deploy: [5]}",
            "roles.prod/chat: is not a service there; the services are api, web",
        ),
        (
            "prod: {approve: [4]}",
            "prod: {approve: [4]}\n  prod/api/web: {deploy: [5]}",
            "roles.prod/api/web: is not a service there; the services are api, web",
        ),
        (
            "prod: {approve: [4]}",
            "prod: {approve: [4]}\n  live/api: {deploy: [5]}",
            "roles.live/api: is not an environment; there are staging, prod and *",
        ),
        *(
            (
                "prod: {approve: [4]}",
                f"prod: {{approve: [4]}}\n  '*/api': {{{one}: [5]}}",
                f"roles.*/api.{one}: is about environments, and cannot be granted for one service",
            )
            for one in ("view", "refresh", "terminate", "audit", "stop")
        ),
        (
            "prod: {approve: [4]}",
            "prod/api: {approve: [4]}",
            "environments.prod: needs approval, but no role has approve for web",
        ),
        (
            "prod: {approve: [4]}",
            "prod: {approve: [4], stop: [4]}",
            "roles.prod.stop: lets nobody stop anything: that needs stop in every environment, and staging has none",
        ),
        (
            "roles:",
            "identities: [{discord: 5, github: octocat}, {discord: 6, github: OctoCat}]\nroles:",
            "identities[1].github: octocat already belongs to identities[0]",
        ),
        (
            "roles:",
            "hide_commands_without: Manage Messages\nroles:",
            "hide_commands_without: is not a permission of Discord, such as manage_messages",
        ),
    ],
)
def test_a_contradiction_is_told(file: Path, old: str, new: str, found: str) -> None:
    text = changed(old, new)

    assert found in [problem.split(": ", 1)[1] for problem in problems(file, text)]
