"""What people copy from the pages and from deploy/ fits the bot and each other."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from bot.domain.events import ApplicationHinted, Stage, StageReported, StageStatus, Unusable
from bot.settings import PACKAGED_TOPOLOGY, Settings
from bot.topology import load
from bot.webhooks import argocd, ci
from sandbox import bodies
from sandbox.argocd_accounts import Account
from sandbox.pipeline import STEPS
from sandbox.world import World, with_clusters
from tests.docs.pages import ROOT, block, rows, section

REPORTS = ROOT / "docs" / "pipeline-reports.md"
BOT = ROOT / "deploy" / "bot"
WORKFLOW = ROOT / "deploy" / "github" / "ticket-service-ci-cd.yml"
PACKAGED = load(PACKAGED_TOPOLOGY)
DEPLOYED = load(BOT / "topology.yaml")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def objects(path: Path) -> dict[str, Any]:
    """The Kubernetes objects of a file by kind; of several of a kind the last."""
    return {item["kind"]: item for item in yaml.safe_load_all(path.read_text())}


def test_the_report_on_its_page_is_one() -> None:
    text = block(section(REPORTS, "A report"), "json")
    [event] = ci.parse({"content-type": "application/json"}, text.encode(), catalog=PACKAGED.catalog())

    assert isinstance(event, StageReported)
    assert (event.stage, event.status, event.critical, event.high) == (Stage.PUSH, StageStatus.SUCCEEDED, 0, 2)
    assert None not in (event.tag, event.digest, event.manifest_revision, event.message, event.url)
    assert [cells[0].strip("`") for cells in rows(section(REPORTS, "A report"))] == list(json.loads(text))


def test_the_fields_of_the_report_are_needed_as_its_page_says() -> None:
    report = json.loads(block(section(REPORTS, "A report"), "json"))
    for name, needed, _meaning in ([cell.strip("`") for cell in cells] for cells in rows(section(REPORTS, "A report"))):
        body = json.dumps({key: value for key, value in report.items() if key != name}).encode()
        try:
            ci.parse({"content-type": "application/json"}, body, catalog=PACKAGED.catalog())
        except Unusable:
            assert needed != "no", name
        else:
            assert needed == "no", name


def rendered(template: str, application: dict[str, Any]) -> str:
    """What Argo CD makes of the body: every `toJson` replaced by the JSON of the field, null where there is none."""

    def value(match: re.Match[str]) -> str:
        found: Any = application
        for name in match[1].split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return json.dumps(found)

    return re.sub(r"\{\{ toJson \.app\.([\w.]+) \}\}", value, template)


def test_the_notification_is_what_the_bot_reads() -> None:
    data = read(ROOT / "deploy" / "argocd" / "notifications.yaml")["data"]
    sent = yaml.safe_load(data["template.chatops-event"])["webhook"]["discord-bot"]
    stored = World(with_clusters(PACKAGED)).application("prod").stored()

    body = rendered(sent["body"], stored)

    assert argocd.parse({}, body.encode(), catalog=PACKAGED.catalog()) == (ApplicationHinted(environment="prod"),)
    assert json.loads(body) == bodies.argocd(stored)
    assert (sent["method"], sent["path"]) == ("POST", "/webhooks/argocd")


def test_the_notification_is_sent_to_the_bot() -> None:
    data = read(ROOT / "deploy" / "argocd" / "notifications.yaml")["data"]
    service = yaml.safe_load(data["service.webhook.discord-bot"])
    [subscription] = yaml.safe_load(data["subscriptions"])

    place = read(BOT / "service.yaml")
    namespace = read(BOT / "kustomization.yaml")["namespace"]
    [port] = place["spec"]["ports"]
    assert service["url"] == f"http://{place['metadata']['name']}.{namespace}.svc:{port['port']}"
    assert {"name": "Authorization", "value": "Bearer $discord-bot-token"} in service["headers"]
    assert subscription["recipients"] == ["discord-bot"]
    for name in subscription["triggers"]:
        [trigger] = yaml.safe_load(data[f"trigger.{name}"])
        assert trigger["send"] == ["chatops-event"]
        assert trigger["oncePer"]


def test_the_role_in_argocd_may_do_what_the_bot_does_and_no_more() -> None:
    [patch] = read(ROOT / "deploy" / "argocd" / "project-role.yaml")
    role, project = patch["value"], DEPLOYED.project
    policies = [[part.strip() for part in policy.split(",")] for policy in role["policies"]]
    assert {(first, subject, last) for first, subject, *_, last in policies} == {
        ("p", f"proj:{project}:{role['name']}", "allow")
    }
    account = Account(
        subject=policies[0][1], grants=tuple((kind, action, on) for _, _, kind, action, on, _ in policies)
    )

    for environment in DEPLOYED.environments.values():
        target = f"{project}/{environment.application}"
        assert account.may("get", target)
        assert account.may("sync", target) is not environment.automated
        assert account.may("action/apps/Deployment/restart", target)
        assert not any(account.may(action, target) for action in ("override", "delete", "update", "create"))


def test_the_deployed_topology_is_tiketi_without_the_laptops() -> None:
    assert DEPLOYED.services == PACKAGED.services
    assert list(DEPLOYED.environments) == ["staging", "prod"]
    for name, environment in DEPLOYED.environments.items():
        assert environment.model_copy(update={"mention": None}) == PACKAGED.environments[name]
    assert len({environment.namespace for environment in DEPLOYED.environments.values()}) == 2


def test_the_deployment_has_every_setting_that_is_needed_and_knows_each() -> None:
    [container] = read(BOT / "deployment.yaml")["spec"]["template"]["spec"]["containers"]
    given = {item["name"] for item in container["env"]} | set(read(BOT / "secret.example.yaml")["stringData"])

    known = {f"CHATOPS_{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert given <= set(known)
    assert {name for name, field in known.items() if field.is_required()} <= given
    assert not any(read(BOT / "secret.example.yaml")["stringData"].values())


def test_the_deployment_runs_one_bot_that_is_not_root() -> None:
    spec = read(BOT / "deployment.yaml")["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"USER {pod['securityContext']['runAsUser']}:" in (ROOT / "Dockerfile").read_text()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert read(BOT / "service.yaml")["spec"]["publishNotReadyAddresses"] is True


def test_every_place_names_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    [image] = read(BOT / "kustomization.yaml")["images"]
    assert image["newTag"] == version
    assert set(re.findall(r"tiketi-chatops:(\S+)", (ROOT / "README.md").read_text())) == {version}
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_bot_may_look_in_the_namespaces_of_the_environments_only() -> None:
    documents = list(yaml.safe_load_all((BOT / "access" / "access.yaml").read_text()))
    bindings = [document for document in documents if document["kind"] == "RoleBinding"]
    assert {binding["metadata"]["namespace"] for binding in bindings} == {
        environment.namespace for environment in DEPLOYED.environments.values()
    }
    assert {subject["namespace"] for binding in bindings for subject in binding["subjects"]} == {
        read(BOT / "kustomization.yaml")["namespace"]
    }
    rules = objects(BOT / "access" / "access.yaml")["ClusterRole"]["rules"]
    assert {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]} == {
        ("deployments", "list"),
        ("pods", "list"),
        ("events", "list"),
        ("pods/log", "get"),
    }


def test_only_the_doors_of_the_outside_are_open_to_the_internet() -> None:
    [rule] = read(BOT / "ingress.example.yaml")["spec"]["rules"]
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [
        ("/webhooks/github", "Exact"),
        ("/webhooks/ci", "Exact"),
    ]


def test_the_workflow_is_that_of_the_service() -> None:
    workflow = read(WORKFLOW)
    environment, trigger = workflow["env"], workflow[True]  # YAML takes `on` for a truth value
    service = PACKAGED.services[environment["SERVICE"]]

    assert WORKFLOW.name == service.workflow
    assert environment["DIRECTORY"] == service.directory
    assert environment["IMAGE"].endswith(f".dkr.ecr.ap-northeast-2.amazonaws.com/{service.image}")
    built = {found.branch for found in PACKAGED.environments.values() if found.pipeline}
    assert set(trigger["push"]["branches"]) == built
    assert trigger["push"]["paths"] == [
        f"{service.directory}/**",
        "packages/common/**",
        f".github/workflows/{service.workflow}",
    ]


def test_the_workflow_reports_every_stage() -> None:
    [job] = read(WORKFLOW)["jobs"].values()
    told: dict[str, list[str]] = {}
    for step in job["steps"]:
        if step.get("uses") == "./.github/actions/report":
            told.setdefault(step["with"]["stage"], []).append(step["with"]["status"])

    assert list(told) == list(Stage)
    for stage, (started, ended) in told.items():
        assert started == "started"
        assert f"steps.{'aws' if stage == 'push' else stage}.outcome" in ended
    # Where a report is lost, the bot reads the stages from the names of the steps.
    assert set(STEPS.values()) <= {step["name"] for step in job["steps"]}


def test_every_alert_rule_says_what_is_wrong() -> None:
    rules = yaml.safe_load(block(section(ROOT / "docs" / "operations.md", "Alert rules"), "yaml"))
    for rule in rules["groups"][0]["rules"]:
        assert rule["expr"].strip()
        assert rule["annotations"]["summary"].endswith(".")


def test_the_role_in_aws_may_do_what_the_bot_asks_and_no_more() -> None:
    text = (ROOT / "deploy" / "aws" / "registry-policy.json").read_text()
    assert block(section(ROOT / "docs" / "set-up-registry.md", "Amazon ECR"), "json") == text
    [statement] = json.loads(text)["Statement"]
    code = (ROOT / "bot" / "adapters" / "registry_ecr.py").read_text()
    asked = set(re.findall(r"client\.((?:describe|get)_(?!paginator)\w+)\(|get_paginator\(\"(\w+)\"", code))
    calls = {"".join(word.title() for word in (direct or paged).split("_")) for direct, paged in asked}
    assert {action.removeprefix("ecr:") for action in statement["Action"]} == calls
    account, region = (DEPLOYED.registry.split(".")[index] for index in (0, 3))
    prefix = f"arn:aws:ecr:{region}:{account}:repository/"
    assert statement["Resource"].startswith(prefix)
    wanted = re.compile(re.escape(statement["Resource"].removeprefix(prefix)).replace(r"\*", ".*"))
    assert all(wanted.fullmatch(service.image) for service in DEPLOYED.services.values())


def test_the_extra_is_what_its_lock_has() -> None:
    [extra] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["ecr"]
    lines = (ROOT / "requirements" / "ecr.in").read_text().splitlines()
    assert [line for line in lines if not line.startswith(("#", "-"))] == [extra]
    assert "COPY requirements/ecr.txt" in (ROOT / "Dockerfile").read_text()
