"""The topology file: the default is tiketi, and a wrong file says where and why."""

import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from bot import topology
from bot.domain.catalog import Environment, Service
from bot.domain.permissions import Capability
from bot.settings import PACKAGED_TOPOLOGY
from bot.topology import Topology, TopologyInvalid
from tests.topology.small import SMALL, changed, problems

SCHEMA = PACKAGED_TOPOLOGY.with_name("topology.schema.json")


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
            "environments.prod.approval.unknown_authors: should be 'tell', 'refuse' or 'refuse_unsure'",
        ),
    ],
)
def test_a_wrong_shape_is_told_by_line_path_and_reason(file: Path, old: str, new: str, line: int, found: str) -> None:
    first = problems(file, changed(old, new))[0]

    assert first.startswith(f"topology.yaml:{line}: {found}")


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
