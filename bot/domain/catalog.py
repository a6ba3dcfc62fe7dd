"""What exists: the services, the environments and who is who, as the domain sees them.

The topology file is somebody's YAML; this is the same knowledge as plain values, so that decisions need no file
format. The composition root builds one `Catalog` at start and passes it down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import quote

from bot.domain.approvals import Group
from bot.domain.people import unmapped

MAIN = "main"
"""The name of the Argo CD whose address and token are in the settings."""


def named_after(name: str, *, services: Iterable[str]) -> str | None:
    """The service an object is named after; of several the longest, so `auth-service-x` is not `auth`'s."""
    fitting = [service for service in services if name == service or name.startswith(f"{service}-")]
    return max(fitting, key=len, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One microservice: where its code lives, which workflow builds it and what its image is called."""

    name: str
    directory: str
    image: str
    workflow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One place to deploy to, with the Argo CD Application that holds all services there.

    `automated` means Argo CD syncs by itself; `required_approvals` counts distinct people and matters only where it
    does not; `approval_groups` are those of which one each has to consent, `approvers` the roles that may at all, with
    those of a service in `service_approvers` where it has more, and `escalate` is the role that is called before a
    request expires. With `pull_requests` the bot changes manifests by pull request only. `context` names the cluster in
    the kubeconfig (None: the current one), `argocd` the Argo CD, and `page` is where people open the Application.
    `break_glass` are the roles that may break the glass, with those of a service in `service_break_glass` likewise.
    `refuse_unknown` means that nobody consents to what people stand behind whose login the identity map lacks, and
    `refuse_unsure` the same where GitHub does not tell everybody's login.
    """

    name: str
    branch: str
    application: str
    overlay: str
    namespace: str
    automated: bool
    pipeline: bool = True
    pull_requests: bool = False
    context: str | None = None
    argocd: str = MAIN
    page: str | None = None
    required_approvals: int = 0
    approval_lifetime: timedelta = timedelta(hours=1)
    approval_groups: tuple[Group, ...] = ()
    approvers: frozenset[int] = frozenset()
    service_approvers: Mapping[str, frozenset[int]] = field(default_factory=dict)
    mention: int | None = None
    escalate: int | None = None
    break_glass: frozenset[int] = frozenset()
    refuse_unknown: bool = True
    refuse_unsure: bool = False
    service_break_glass: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def approvers_of(self, service: str | None) -> frozenset[int]:
        """The roles that may approve what is about a service, or about the whole environment."""
        return self.service_approvers.get(service or "", self.approvers)

    def breakers_of(self, service: str | None) -> frozenset[int]:
        """The roles that may break the glass for a service, or for the whole environment."""
        return self.service_break_glass.get(service or "", self.break_glass)

    @property
    def kustomization(self) -> str:
        """The path of the file in which Git asks for images."""
        return f"{self.overlay}/kustomization.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything the bot serves. `github` is where people open repositories, without a slash at the end.

    `shared` are directories that go into the image of every service. `logins` maps Discord ids to lower-case
    GitHub logins.
    """

    repository: str
    project: str
    registry: str
    services: Mapping[str, Service]
    environments: Mapping[str, Environment]
    github: str = "https://github.com"
    shared: tuple[str, ...] = ()
    logins: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    def service_of_workflow(self, path: str) -> Service | None:
        """The service built by a workflow file, given as GitHub gives it (`.github/workflows/x.yml[@ref]`)."""
        name = path.partition("@")[0].rpartition("/")[2]
        return next((service for service in self.services.values() if service.workflow == name), None)

    def environment_of_branch(self, branch: str) -> Environment | None:
        """The environment that a push to this branch builds for."""
        return next((env for env in self.environments.values() if env.pipeline and env.branch == branch), None)

    def environments_of_application(self, application: str) -> list[Environment]:
        """The environments that an Application of this name stands for: one for each Argo CD at most."""
        return [env for env in self.environments.values() if env.application == application]

    def sources_of(self, service: str) -> tuple[str, ...]:
        """The paths whose changes are changes of the service: its directory, what is shared, and its workflow."""
        known = self.services[service]
        return (known.directory, *self.shared, f".github/workflows/{known.workflow}")

    def image_of(self, service: str) -> str:
        """The full image repository of a service, as it stands in manifests."""
        return f"{self.registry}/{self.services[service].image}"

    def commit_page(self, revision: str) -> str:
        """The web page of a commit."""
        return f"{self.github}/{self.repository}/commit/{revision}"

    def file_page(self, revision: str, path: str, *, line: int = 0) -> str:
        """The web page of a file at a commit, at a line where one is given."""
        return f"{self.github}/{self.repository}/blob/{revision}/{quote(path)}{f'#L{line}' if line else ''}"

    def compare_page(self, old: str, new: str) -> str:
        """The web page of what lies between two commits."""
        return f"{self.github}/{self.repository}/compare/{old}...{new}"

    def pull_page(self, number: int) -> str:
        """The web page of a pull request."""
        return f"{self.github}/{self.repository}/pull/{number}"

    def discord_id_of(self, login: str | None) -> int | None:
        """The Discord id of a GitHub login, or None when nobody mapped it."""
        wanted = (login or "").lower()
        return next((person for person, name in self.logins.items() if name == wanted), None)

    def unmapped(self, logins: Iterable[str]) -> tuple[str, ...]:
        """Those of these lower-case logins that are people's and that nobody mapped, sorted."""
        return unmapped(logins, known=self.logins.values())
