"""Services, environments, channels, roles and identities, from one YAML file; the packaged default is tiketi.

A wrong file stops the start, and whoever wrote it reads `file:line: path: reason` for every problem: first what is
not the right shape, then, in a file of the right shape, what contradicts itself. The rest of the program knows no
file: it gets a `Catalog` and a `Policy`.

    python -m bot.topology      prints the JSON Schema for editors (`make schema` writes it into the repository)
"""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from bot import contradictions, yaml_lines
from bot.domain.approvals import Group
from bot.domain.catalog import MAIN, Catalog
from bot.domain.catalog import Environment as KnownEnvironment
from bot.domain.catalog import Service as KnownService
from bot.domain.permissions import Capability, Policy
from bot.yaml_lines import Document, NotYaml, Place, path_of

SIZE_LIMIT = 1024 * 1024

DiscordId = Annotated[int, Field(strict=True, gt=0, lt=2**63, description="A Discord id, as 'Copy ID' gives it")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Directory = Annotated[str, Field(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$", description="A directory, without / at the ends")]
Text = Annotated[str, Field(min_length=1, max_length=253)]
_WORDS = {"missing": "is required", "extra_forbidden": "is not a known key"}
_ADDRESS = r"^https?://[^\s/?#@]+(/[^\s?#/]+)*$"


class TopologyInvalid(Exception):
    """The file cannot be used. The text has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Channels(_Part):
    """Where the bot writes."""

    releases: DiscordId
    alerts: DiscordId
    audit: Annotated[DiscordId | None, Field(description="Where the audit trail is copied to")] = None


class Service(_Part):
    """One microservice. Its Deployment and its container are named like it."""

    directory: Directory
    image: Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$", description="The repository in the registry")]
    workflow: Annotated[str, Field(pattern=r"^[\w.-]+\.ya?ml$", description="The file name in .github/workflows")]


class ArgoCD(_Part):
    """An Argo CD beside the one of the settings. Its token is in CHATOPS_ARGOCD_TOKENS, under the same name."""

    url: Annotated[str, Field(pattern=_ADDRESS, description="Where the bot reaches it, without /api")]
    ui: Annotated[str | None, Field(pattern=_ADDRESS, description="Where people open it, if elsewhere")] = None


class Approval(_Part):
    """How many people, not counting the requester, must consent to a sync, and how long they have."""

    required: Annotated[int, Field(strict=True, ge=0, le=10)] = 1
    groups: Annotated[
        dict[Name, Annotated[tuple[DiscordId, ...], Field(min_length=1, max_length=10)]],
        Field(max_length=5, description="Groups by name, with their roles: somebody of each has to consent"),
    ] = {}
    expires_minutes: Annotated[int, Field(strict=True, ge=1, le=7 * 24 * 60)] = 60
    unknown_authors: Annotated[
        Literal["tell", "refuse", "refuse_unsure"], Field(description="People not in identities")
    ] = "refuse"
    escalate: Annotated[DiscordId | None, Field(description="The role that is called before a request expires")] = None


class Environment(_Part):
    """One place to deploy to, with the Argo CD Application that holds all services there."""

    branch: Text
    application: Name
    overlay: Directory
    namespace: Name
    automated: Annotated[StrictBool, Field(description="Argo CD syncs by itself, without asking anybody")]
    pipeline: Annotated[StrictBool, Field(description="A push to the branch builds for this environment")] = True
    pull_requests: Annotated[StrictBool, Field(description="The bot changes tags by pull request only")] = False
    context: Annotated[Text | None, Field(description="The cluster, as the kubeconfig names it")] = None
    argocd: Annotated[Name, Field(description="Its Argo CD, one of `argocd`; without it that of the settings")] = MAIN
    approval: Annotated[Approval | None, Field(description="Only where Argo CD does not sync by itself")] = None
    mention: Annotated[DiscordId | None, Field(description="The role that is told when an approval waits")] = None

    @property
    def consent(self) -> Approval:
        """What is asked of people here, also where nothing is said about it."""
        return self.approval or Approval(required=0 if self.automated else 1)


class Identity(_Part):
    """One person on both sides, so that the author of a commit is recognised as the one who presses a button."""

    discord: DiscordId
    github: Annotated[str, Field(pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}(\[bot\])?$")]


class Topology(_Part):
    """What the bot serves and who may do what."""

    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name on GitHub")]
    repository_id: Annotated[str | None, Field(pattern=r"^[1-9]\d*$", description="GitHub's id, in quotes")] = None
    project: Annotated[Name, Field(description="The AppProject of Argo CD")]
    registry: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$", description="Without https://")]
    argocd_ui: Annotated[str | None, Field(pattern=_ADDRESS)] = None
    argocd: Annotated[dict[Name, ArgoCD], Field(description="Argo CDs beside the one of the settings")] = {}
    channels: Channels
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    shared: Annotated[tuple[Directory, ...], Field(max_length=5, description="Goes into every service's image")] = ()
    environments: Annotated[dict[Name, Environment], Field(min_length=1)]
    roles: Annotated[
        dict[str, dict[Capability, tuple[DiscordId, ...]]],
        Field(description="By place: an environment or `*`, or one service of it, such as `prod/ticket-service`"),
    ]
    identities: tuple[Identity, ...] = ()
    hide_commands_without: Annotated[str | None, Field(description="A permission, as discord.py spells it")] = None

    def catalog(self, *, argocd_url: str = "", github: str = "https://github.com") -> Catalog:
        """The services, the environments and who is who, as the domain sees them.

        `argocd_url` is the address of the Argo CD of the settings; without it its Applications have no page to open.
        `github` is where people open GitHub.
        """
        return Catalog(
            repository=self.repository,
            project=self.project,
            registry=self.registry,
            github=github,
            shared=self.shared,
            services=MappingProxyType(
                {name: KnownService(name=name, **service.model_dump()) for name, service in self.services.items()}
            ),
            environments=MappingProxyType(
                {
                    name: self._known(name, environment, ui=self._ui(environment, argocd_url))
                    for name, environment in self.environments.items()
                }
            ),
            logins=MappingProxyType({person.discord: person.github.lower() for person in self.identities}),
        )

    def _ui(self, environment: Environment, argocd_url: str) -> str:
        """Where people open the Argo CD of an environment, or '' when nobody said."""
        other = self.argocd.get(environment.argocd)
        return (other.ui or other.url) if other else (self.argocd_ui or argocd_url)

    def _known(self, name: str, environment: Environment, *, ui: str) -> KnownEnvironment:
        consent, may = environment.consent, partial(self.policy(guild_id=0).roles, environment=name)

        def apart(what: Capability) -> dict[str, frozenset[int]]:
            """The roles of each service that has others than the environment."""
            roles = {service: may(what, service=service) for service in self.services}
            return {service: held for service, held in roles.items() if held != may(what)}

        return KnownEnvironment(
            name=name,
            **environment.model_dump(exclude={"approval"}),
            page=f"{ui}/applications/{environment.application}" if ui else None,
            required_approvals=consent.required,
            approval_lifetime=timedelta(minutes=consent.expires_minutes),
            approval_groups=tuple(Group(name=group, roles=frozenset(ids)) for group, ids in consent.groups.items()),
            approvers=may(Capability.APPROVE),
            service_approvers=apart(Capability.APPROVE),
            escalate=consent.escalate,
            refuse_unknown=consent.unknown_authors != "tell",
            refuse_unsure=consent.unknown_authors == "refuse_unsure",
            break_glass=may(Capability.BREAK_GLASS),
            service_break_glass=apart(Capability.BREAK_GLASS),
        )

    def policy(self, *, guild_id: int) -> Policy:
        """The grants, valid in that guild only."""
        return Policy(
            guild_id=guild_id,
            grants={scope: {what: frozenset(ids) for what, ids in held.items()} for scope, held in self.roles.items()},
        )


def load(path: Path) -> Topology:
    """The topology in this file. Raises `TopologyInvalid` with every problem that can be told apart."""
    try:
        document = yaml_lines.parse(_read(path))
    except NotYaml as error:
        raise TopologyInvalid([f"{path}:{error.line}: {error.reason}"]) from error
    problems = [(place, "is written twice") for place in document.repeated]
    try:
        topology = Topology.model_validate(document.data)
    except ValidationError as error:
        problems += _misshapen(error)
        raise TopologyInvalid(_report(path, document, problems)) from None
    problems += contradictions.of(topology)
    if problems:
        raise TopologyInvalid(_report(path, document, problems))
    return topology


def schema() -> str:
    """The JSON Schema of the file, as text that ends with a newline."""
    body = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Topology.model_json_schema()}
    return json.dumps(body, indent=2) + "\n"


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise NotYaml(f"cannot be read: {error.strerror}", line=1) from error
    if len(raw) > SIZE_LIMIT:
        raise NotYaml("is larger than 1 MiB", line=1)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise NotYaml("is not UTF-8", line=raw.count(b"\n", 0, error.start) + 1) from error


def _misshapen(error: ValidationError) -> Iterator[tuple[Place, str]]:
    """Every place of the wrong shape. That a list is too short is left out where an item of it was refused."""
    found = error.errors()
    refused = {problem["loc"][:-1] for problem in found}
    for problem in found:
        if problem["type"] != "too_short" or problem["loc"] not in refused:
            reason = _WORDS.get(problem["type"], problem["msg"])
            yield tuple(step for step in problem["loc"] if step != "[key]"), reason.removeprefix("Input ")


def _report(path: Path, document: Document, problems: Iterable[tuple[Place, str]]) -> list[str]:
    lines = sorted((document.line_of(place), path_of(place), reason) for place, reason in problems)
    return [f"{path}:{line}: {place}: {reason}" for line, place, reason in lines]


if __name__ == "__main__":
    sys.stdout.write(schema())
