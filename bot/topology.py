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
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from bot import yaml_lines
from bot.domain.approvals import Group
from bot.domain.catalog import MAIN, Catalog
from bot.domain.catalog import Environment as KnownEnvironment
from bot.domain.catalog import Service as KnownService
from bot.domain.permissions import EVERYWHERE, Capability, Policy
from bot.yaml_lines import Document, NotYaml, Place

SIZE_LIMIT = 1024 * 1024

DiscordId = Annotated[int, Field(strict=True, gt=0, lt=2**63, description="A Discord id, as 'Copy ID' gives it")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Directory = Annotated[str, Field(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$", description="A directory, without / at the ends")]
Text = Annotated[str, Field(min_length=1, max_length=253)]
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
    unknown_authors: Annotated[Literal["tell", "refuse"], Field(description="People not in identities")] = "tell"
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
    environments: Annotated[dict[Name, Environment], Field(min_length=1)]
    roles: dict[str, dict[Capability, tuple[DiscordId, ...]]]
    identities: tuple[Identity, ...] = ()

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
            services=MappingProxyType(
                {name: KnownService(name=name, **service.model_dump()) for name, service in self.services.items()}
            ),
            environments=MappingProxyType(
                {
                    name: _known(
                        name,
                        env,
                        ui=self._ui(env, argocd_url),
                        approvers=self.approvers(name),
                        break_glass=bool(self._roles(Capability.BREAK_GLASS, name)),
                    )
                    for name, env in self.environments.items()
                }
            ),
            logins=MappingProxyType({person.discord: person.github.lower() for person in self.identities}),
        )

    def _ui(self, environment: Environment, argocd_url: str) -> str:
        """Where people open the Argo CD of an environment, or '' when nobody said."""
        other = self.argocd.get(environment.argocd)
        return (other.ui or other.url) if other else (self.argocd_ui or argocd_url)

    def approvers(self, environment: str) -> frozenset[int]:
        """The roles that may approve there."""
        return self._roles(Capability.APPROVE, environment)

    def _roles(self, capability: Capability, environment: str) -> frozenset[int]:
        return self.policy(guild_id=0).roles(capability, environment=environment)

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
        problems += [_misshapen(problem) for problem in error.errors()]
        raise TopologyInvalid(_report(path, document, problems)) from None
    problems += _contradictions(topology)
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


def _known(
    name: str,
    environment: Environment,
    *,
    ui: str = "",
    approvers: frozenset[int] = frozenset(),
    break_glass: bool = False,
) -> KnownEnvironment:
    approval = environment.approval or Approval(required=0 if environment.automated else 1)
    return KnownEnvironment(
        name=name,
        **environment.model_dump(exclude={"approval"}),
        page=f"{ui}/applications/{environment.application}" if ui else None,
        required_approvals=approval.required,
        approval_lifetime=timedelta(minutes=approval.expires_minutes),
        approval_groups=tuple(Group(name=name, roles=frozenset(ids)) for name, ids in approval.groups.items()),
        approvers=approvers,
        escalate=approval.escalate,
        refuse_unknown=approval.unknown_authors == "refuse",
        break_glass=break_glass,
    )


def _contradictions(topology: Topology) -> Iterator[tuple[Place, str]]:
    services, environments = topology.services.items(), topology.environments.items()
    yield from _shared("environments", "branch", ((name, env.branch) for name, env in environments if env.pipeline))
    yield from _shared(
        "environments", "application", ((name, f"{env.argocd}/{env.application}") for name, env in environments)
    )
    yield from _shared("services", "workflow", ((name, service.workflow) for name, service in services))
    yield from _shared("services", "image", ((name, service.image) for name, service in services))
    yield from _shared("identities", "discord", ((at, one.discord) for at, one in enumerate(topology.identities)))
    yield from _shared("identities", "github", ((at, one.github.lower()) for at, one in enumerate(topology.identities)))
    for scope in topology.roles:
        if scope != EVERYWHERE and scope not in topology.environments:
            yield ("roles", scope), f"is not an environment; there are {', '.join(topology.environments)} and *"
    argocds = (MAIN, *topology.argocd)
    if MAIN in topology.argocd:
        yield ("argocd", MAIN), "is the name of the Argo CD of the settings; choose another one"
    for name, environment in environments:
        if environment.argocd not in argocds:
            yield ("environments", name, "argocd"), f"is not an Argo CD; there are {', '.join(argocds)}"
        if environment.automated and environment.approval is not None:
            yield ("environments", name, "approval"), "cannot be asked for where Argo CD syncs by itself (automated)"
        approvers = topology.approvers(name)
        if _known(name, environment).required_approvals and not approvers:
            yield ("environments", name), f"needs approval, but no role has approve in roles.{name} or roles.*"
        yield from _in_vain(name, environment.approval or Approval(), topology=topology)


def _in_vain(name: str, approval: Approval, *, topology: Topology) -> Iterator[tuple[Place, str]]:
    """What an approval asks for and can never have: groups that nobody fills, and authors that nobody knows."""
    place, approvers = ("environments", name, "approval"), topology.approvers(name)
    if approval.unknown_authors == "refuse" and not (approval.required and topology.identities):
        why = "identities names nobody" if approval.required else "nobody has to agree (required: 0)"
        yield (*place, "unknown_authors"), f"cannot be refuse, because {why}"
    if approval.required < len(approval.groups):
        people = f"{len(approval.groups)} people, since one person stands for one group"
        yield (*place, "required"), f"is {approval.required}, but the groups need {people}"
    for group, roles in approval.groups.items():
        idle = ", ".join(str(role) for role in roles if role not in approvers)
        if idle:
            yield (*place, "groups", group), f"has a role without approve in roles.{name} or roles.*: {idle}"


def _shared(group: str, field: str, values: Iterable[tuple[str | int, object]]) -> Iterator[tuple[Place, str]]:
    first: dict[object, str | int] = {}
    for name, value in values:
        if value in first:
            also = "pipeline environments must have different branches; " if field == "branch" else ""
            yield (group, name, field), f"{also}{value} already belongs to {_path((group, first[value]))}"
        first.setdefault(value, name)


def _misshapen(problem: Any) -> tuple[Place, str]:
    reason = {"missing": "is required", "extra_forbidden": "is not a known key"}.get(problem["type"], problem["msg"])
    return tuple(step for step in problem["loc"] if step != "[key]"), reason.removeprefix("Input ")


def _report(path: Path, document: Document, problems: Iterable[tuple[Place, str]]) -> list[str]:
    lines = sorted((document.line_of(place), _path(place), reason) for place, reason in problems)
    return [f"{path}:{line}: {place}: {reason}" for line, place, reason in lines]


def _path(place: Place) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return steps.removeprefix(".") or "the file"


if __name__ == "__main__":
    sys.stdout.write(schema())
