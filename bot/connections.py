"""The clients of the systems outside, as the settings ask for them. Building them calls nobody."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from bot.adapters import registry_ecr
from bot.adapters.argocd import ArgoCD
from bot.adapters.calls import Observe, unobserved
from bot.adapters.cluster import Clusters
from bot.adapters.github import App, GitHub
from bot.adapters.oidc import OidcVerifier
from bot.adapters.registry import Registry
from bot.adapters.registry_ecr import EcrRegistry
from bot.adapters.registry_oci import OciRegistry
from bot.domain.catalog import MAIN
from bot.settings import Settings
from bot.topology import Topology
from bot.webhooks.receipt import Proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The clients of the systems outside; those of Argo CD by the names that environments use."""

    argocds: Mapping[str, ArgoCD]
    github: GitHub
    clusters: Clusters
    registry: Registry
    oidc: OidcVerifier | None

    async def aclose(self) -> None:
        """Close every connection."""
        for adapter in (*self.argocds.values(), self.github, self.clusters, self.registry, self.oidc):
            if adapter is not None:
                await adapter.aclose()


def build(
    settings: Settings,
    topology: Topology,
    *,
    latest: Callable[[], Settings] | None = None,
    observe: Observe = unobserved,
) -> Connections:
    """The clients these settings ask for; nothing is called yet.

    The tokens and keys for Argo CD, GitHub and the registry are those that `latest` has at each request; without it
    they never change.
    """
    latest = latest or (lambda: settings)
    services = tuple(topology.services)
    app = None
    if settings.github_app_id and settings.github_app_private_key and settings.github_installation_id:
        app = App(
            id=settings.github_app_id,
            private_key=partial(_app_key, latest),
            installation_id=settings.github_installation_id,
        )
    oidc = None
    if settings.ci_oidc_audience:
        oidc = OidcVerifier(
            issuer=settings.ci_oidc_issuer,
            audience=settings.ci_oidc_audience,
            repository=topology.repository,
            repository_id=topology.repository_id,
            observe=observe,
        )
    return Connections(
        argocds={
            name: ArgoCD(
                url=url,
                token=partial(_argocd_token, latest, name),
                project=topology.project,
                services=services,
                observe=observe,
            )
            for name, url in _argocds(settings, topology).items()
        },
        github=GitHub(
            url=settings.github_api_url,
            repository=topology.repository,
            token=partial(_github_token, latest) if settings.github_token else None,
            app=app,
            observe=observe,
        ),
        clusters=Clusters(kubeconfig=settings.kubeconfig, services=services, observe=observe),
        registry=_registry(settings, topology, latest=latest, observe=observe),
        oidc=oidc,
    )


def proofs(settings: Settings) -> Proofs:
    """What the senders of webhooks have to show."""
    return Proofs(
        github=_bytes(settings.github_webhook_secret),
        argocd=_bytes(settings.argocd_webhook_token),
        ci=_bytes(settings.ci_token),
    )


def _registry(settings: Settings, topology: Topology, *, latest: Callable[[], Settings], observe: Observe) -> Registry:
    """The registry that the topology names, or an OCI registry at another address."""
    host, _, path = topology.registry.partition("/")
    amazon = registry_ecr.place(host)
    if amazon and not path and not settings.registry_url:
        account, region = amazon
        return EcrRegistry(account=account, region=region, observe=observe)
    return OciRegistry(
        url=settings.registry_url or f"https://{host}",
        prefix=f"{path}/" if path else "",
        username=settings.registry_username,
        password=partial(_registry_password, latest) if settings.registry_password else None,
        observe=observe,
    )


def _argocds(settings: Settings, topology: Topology) -> dict[str, str]:
    """The address of every Argo CD, by name."""
    return {MAIN: settings.argocd_url, **{name: place.url for name, place in topology.argocd.items()}}


def _argocd_token(latest: Callable[[], Settings], name: str) -> str:
    settings = latest()
    token = settings.argocd_token if name == MAIN else settings.argocd_tokens[name]
    return token.get_secret_value()


def _github_token(latest: Callable[[], Settings]) -> SecretStr:
    return latest().github_token or SecretStr("")


def _app_key(latest: Callable[[], Settings]) -> SecretStr:
    return latest().github_app_private_key or SecretStr("")


def _registry_password(latest: Callable[[], Settings]) -> SecretStr:
    return latest().registry_password or SecretStr("")


def _bytes(secrets: Iterable[SecretStr]) -> tuple[bytes, ...]:
    return tuple(secret.get_secret_value().encode() for secret in secrets)


def github_web(api_url: str) -> str:
    """The web address that belongs to an API address: github.com, or an Enterprise server's host."""
    if api_url == "https://api.github.com":
        return "https://github.com"
    return api_url.removesuffix("/api/v3")
