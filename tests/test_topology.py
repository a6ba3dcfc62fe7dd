"""The topology file: the default is tiketi, and a wrong file says where and why."""

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from bot import topology
from bot.domain.approvals import Group
from bot.domain.catalog import Environment, Service
from bot.domain.permissions import Capability
from bot.settings import PACKAGED_TOPOLOGY
from bot.topology import Topology, TopologyInvalid

SCHEMA = PACKAGED_TOPOLOGY.with_name("topology.schema.json")
SMALL = """\
repository: acme/shop
project: shop
registry: registry.example.com
channels: {releases: 1, alerts: 2}
services:
  api: {directory: api, image: shop-api, workflow: api.yml}
  web: {directory: web, image: shop-web, workflow: web.yml}
environments:
  staging:
    branch: develop
    application: shop-staging
    overlay: k8s/staging
    namespace: shop
    automated: true
  prod:
    branch: main
    application: shop-prod
    overlay: k8s/prod
    namespace: shop
    automated: false
roles:
  "*": {view: [3], deploy: [3]}
  prod: {approve: [4]}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test writes its topology: a relative path, so that messages read the same everywhere."""
    monkeypatch.chdir(tmp_path)
    return Path("topology.yaml")


def problems(file: Path, text: str | bytes) -> list[str]:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(TopologyInvalid) as caught:
        topology.load(file)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def changed(old: str, new: str) -> str:
    """The small topology with one place changed."""
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)


def test_the_default_is_tiketi() -> None:
    catalog = topology.load(PACKAGED_TOPOLOGY).catalog()

    assert list(catalog.services) == ["backend", "auth-service", "ticket-service", "payment-service", "stats-service"]
    assert catalog.services["ticket-service"] == Service(
        name="ticket-service",
        directory="services/ticket-service",
        image="tiketi-ticket-service",
        workflow="ticket-service-ci-cd.yml",
    )
    assert catalog.image_of("backend") == "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/tiketi-backend"
    assert list(catalog.environments) == ["dev", "staging", "prod"]
    assert catalog.environments["prod"] == Environment(
        name="prod",
        branch="main",
        application="tiketi-prod",
        overlay="k8s/overlays/prod",
        namespace="tiketi",
        automated=False,
        pipeline=True,
        context=None,
        required_approvals=1,
        approval_lifetime=timedelta(hours=1),
        approvers=frozenset({100000000000000012}),
        mention=None,
    )
    built_for = catalog.environment_of_branch("develop")
    assert built_for is not None
    assert (built_for.name, built_for.automated, built_for.required_approvals) == ("staging", True, 0)


def test_the_small_one_is_right(file: Path) -> None:
    file.write_text(SMALL + "identities: [{discord: 5, github: OctoCat}]\n")
    loaded = topology.load(file)

    assert loaded.catalog().logins == {5: "octocat"}
    policy = loaded.policy(guild_id=9)
    assert policy.guild_id == 9
    assert policy.roles(Capability.APPROVE, environment="prod") == {4}
    assert policy.roles(Capability.DEPLOY, environment="prod") == {3}
    assert policy.roles(Capability.APPROVE, environment="staging") == set()


def test_the_glass_can_be_broken_only_where_a_role_may(file: Path) -> None:
    def breakable() -> dict[str, bool]:
        return {name: place.break_glass for name, place in topology.load(file).catalog().environments.items()}

    file.write_text(SMALL)
    before = breakable()
    file.write_text(SMALL.replace("prod: {approve: [4]}", "prod: {approve: [4], break_glass: [3]}"))
    somewhere = breakable()
    file.write_text(SMALL.replace("prod: {approve: [4]}", "prod: {approve: [4], break_glass: []}"))

    assert before == dict.fromkeys(before, False) == breakable()
    assert somewhere == before | {"prod": True}


def with_roles(text: str) -> str:
    """The small topology with other roles."""
    assert SMALL.count("  prod: {approve: [4]}\n") == 1
    return SMALL.replace("  prod: {approve: [4]}\n", text)


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
    assert [prod.has_glass(one) for one in ("api", "web", None)] == [True, False, False]
    assert (prod.break_glass, prod.service_break_glass) == (False, frozenset({"api"}))
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


def test_unknown_authors_are_told_of_or_refused(file: Path) -> None:
    def refusing() -> bool:
        return topology.load(file).catalog().environments["prod"].refuse_unknown

    known = "\nidentities: [{discord: 5, github: octocat}]\n"
    found = []
    for wanted in ("{}", "{unknown_authors: tell}", "{unknown_authors: refuse}"):
        file.write_text(changed("automated: false", f"automated: false\n    approval: {wanted}") + known)
        found.append(refusing())
    assert found == [False, False, True]


def test_environments_of_another_argocd_open_there(file: Path) -> None:
    other = "argocd: {laptop: {url: 'http://argocd.svc'}, edge: {url: 'http://edge.svc', ui: 'https://edge.test'}}"
    text = changed("shop-staging", "shop-prod\n    argocd: laptop").replace("roles:", f"{other}\nroles:")
    file.write_text(text)
    catalog = topology.load(file).catalog(argocd_url="https://argocd.test")

    assert {name: (place.argocd, place.page) for name, place in catalog.environments.items()} == {
        "staging": ("laptop", "http://argocd.svc/applications/shop-prod"),
        "prod": ("main", "https://argocd.test/applications/shop-prod"),
    }
    assert [place.name for place in catalog.environments_of_application("shop-prod")] == ["staging", "prod"]


def test_the_schema_in_the_repository_is_current_and_the_default_fits_it() -> None:
    assert SCHEMA.read_text() == topology.schema(), "run `make schema`"
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))
    jsonschema.validate(yaml.safe_load(PACKAGED_TOPOLOGY.read_text()), json.loads(SCHEMA.read_text()))


def test_editors_find_the_schema_beside_the_default() -> None:
    first = PACKAGED_TOPOLOGY.read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"


@pytest.mark.parametrize(
    ("old", "new", "line", "found"),
    [
        ("releases: 1", "releases: general", 4, "channels.releases: should be a valid integer"),
        ("releases: 1", "releases: '1'", 4, "channels.releases: should be a valid integer"),
        ("releases: 1", "releases: -1", 4, "channels.releases: should be greater than 0"),
        ("releases: 1", "releases: true", 4, "channels.releases: should be a valid integer"),
        ("releases: 1", f"releases: {2**63}", 4, f"channels.releases: should be less than {2**63}"),
        ("alerts: 2", "alarms: 2", 4, "channels.alarms: is not a known key"),
        ("directory: web", "directory: /web", 7, "services.web.directory: String should match pattern"),
        ("  web: {", "  Web!: {", 7, "services.Web!: String should match pattern"),
        ("branch: main", "branch: no", 16, "environments.prod.branch: should be a valid string"),
        ("automated: false", "automated: 'no'", 20, "environments.prod.automated: should be a valid boolean"),
        ("automated: false", "pipeline: true", 15, "environments.prod.automated: is required"),
        ("prod: {approve: [4]}", "prod: {approve: [4, x]}", 23, "roles.prod.approve[1]: should be a valid integer"),
        (
            "prod: {approve: [4]}",
            "prod: {bless: [4]}",
            23,
            "roles.prod.bless: should be 'view', 'deploy', 'approve', 'rollback', 'refresh', 'restart', 'rerun', "
            "'terminate', 'logs', 'lock', 'audit', 'freeze', 'stop' or 'break_glass'",
        ),
        (
            "automated: false",
            "automated: false\n    approval: {required: 11}",
            21,
            "environments.prod.approval.required: should be less than or equal to 10",
        ),
        (
            "automated: false",
            "automated: false\n    approval: {groups: {release: []}}",
            21,
            "environments.prod.approval.groups.release: Tuple should have at least 1 item",
        ),
        (
            "automated: false",
            "automated: false\n    approval: {unknown_authors: refused}",
            21,
            "environments.prod.approval.unknown_authors: should be 'tell' or 'refuse'",
        ),
    ],
)
def test_a_wrong_shape_is_told_by_line_path_and_reason(file: Path, old: str, new: str, line: int, found: str) -> None:
    first = problems(file, changed(old, new))[0]

    assert first.startswith(f"topology.yaml:{line}: {found}")


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
            "automated: false\n    approval: {unknown_authors: refuse}",
            "environments.prod.approval.unknown_authors: cannot be refuse, because identities names nobody",
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


def test_every_problem_is_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    text = (
        SMALL.replace("project: shop", "project: [shop]").replace("alerts: 2", "alerts: -2") + "extra: 1\nproject: a\n"
    )

    assert problems(file, text) == [
        "topology.yaml:2: project: is written twice",
        "topology.yaml:4: channels.alerts: should be greater than 0",
        "topology.yaml:24: extra: is not a known key",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "topology.yaml:1: the file: should be a valid dictionary or instance of Topology"),
        ("- 1\n", "topology.yaml:1: the file: should be a valid dictionary or instance of Topology"),
        (
            "a: 1\nb: [1\n",
            "topology.yaml:3: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'",
        ),
        (
            "a: 1\n\tb: 2\n",
            "topology.yaml:2: while scanning for the next token, found character '\\t' that cannot start any token",
        ),
        ("a: 1\nb: \x07\n", "topology.yaml:2: a character that YAML does not allow: U+0007"),
        ("a: 1\n---\nb: 2\n", "topology.yaml:2: expected a single document in the stream, but found another document"),
        ("a: &x 1\nb: *x\n", "topology.yaml:2: aliases (*name) are not supported here"),
        ("a: !!python/name:os.system\n", "topology.yaml:1: could not determine a constructor for the tag"),
        ("a: 1\nb: 2026-13-45\n", "topology.yaml:2: month must be in 1..12"),
        ("a: 1\n? [b]\n: 1\n", "topology.yaml:2: while constructing a mapping, found unhashable key"),
        ("[" * 10_000, "topology.yaml:1: nested too deeply"),
        ("#" * (1024 * 1024 + 1), "topology.yaml:1: is larger than 1 MiB"),
        (b"a: 1\nb: \xff\n", "topology.yaml:2: is not UTF-8"),
    ],
)
def test_what_is_not_a_topology_at_all_is_told_too(file: Path, text: str | bytes, found: str) -> None:
    first, *others = problems(file, text)

    assert first.startswith(found)
    assert others == []


def test_a_key_written_twice_deep_inside_is_found(file: Path) -> None:
    text = changed("directory: web,", "directory: web, directory: www,")

    assert problems(file, text) == ["topology.yaml:7: services.web.directory: is written twice"]


def test_an_alias_bomb_is_refused_before_it_grows(file: Path) -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]

    assert problems(file, "\n".join(rows)) == ["topology.yaml:2: aliases (*name) are not supported here"]


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    with pytest.raises(TopologyInvalid) as caught:
        topology.load(file)

    assert str(caught.value) == "topology.yaml:1: cannot be read: No such file or directory"


def test_it_can_be_built_without_a_file() -> None:
    assert Topology.model_validate(yaml.safe_load(SMALL)).catalog().environments["prod"].required_approvals == 1
